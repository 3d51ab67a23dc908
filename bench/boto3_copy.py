"""A peer: what most people write, boto3's copy_object in threads over a paginated listing. `boto3_copy.py SOURCE DESTINATION THREADS`."""

import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.pop(0)  # see copy.py

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def main(source: str, destination: str, threads: int) -> int:
    s3 = boto3.client("s3", config=Config(max_pool_connections=threads))
    failed = 0

    def copy(key: str) -> bool:
        try:
            s3.copy_object(Bucket=destination, Key=key, CopySource={"Bucket": source, "Key": key})
        except ClientError as error:
            print(f"{key}: {error}")
            return False
        return True

    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=source)
    with ThreadPoolExecutor(threads) as pool:
        for page in pages:
            failed += sum(not done for done in pool.map(copy, [item["Key"] for item in page.get("Contents", [])]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
