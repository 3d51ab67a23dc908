"""The web console's home: a private bucket behind CloudFront. What is in it is put there by `make console-publish`, after deploying."""

import json
from pathlib import Path
from string import Template

from aws_cdk import Aws, CfnOutput, Duration
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.bucket import private_bucket
from infra.constructs.user_pool import sign_in_host
from infra.nag import acknowledge
from infra.stage import Stage

HEADERS = Path(__file__).resolve().parents[2] / "console" / "headers.json"
# A page of the console has no dot in its path, a file has: only pages are answered by the page that finds its own way.
PAGES = """function handler(event) {
  var request = event.request;
  if (request.uri.lastIndexOf('.') <= request.uri.lastIndexOf('/')) request.uri = '/index.html';
  return request;
}"""


class ConsoleSite(Construct):
    """`origin`: where browsers find the console, without a slash at its end."""

    def __init__(self, scope: Construct, *, stage: Stage, logs: s3.IBucket) -> None:
        super().__init__(scope, "Console")
        # Everybody loads these files before he logs in: there is nothing to hide in them, and no key of ours to pay for.
        self.bucket = private_bucket(self, "Files", logs=logs, key=None, retain=False)
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Waybill {stage.name}: web console",
            default_root_object="index.html",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                compress=True,
                response_headers_policy=self._headers(stage),
                function_associations=[
                    cloudfront.FunctionAssociation(
                        event_type=cloudfront.FunctionEventType.VIEWER_REQUEST,
                        function=cloudfront.Function(
                            self,
                            "Pages",
                            code=cloudfront.FunctionCode.from_inline(PAGES),
                            runtime=cloudfront.FunctionRuntime.JS_2_0,
                            comment="Paths of pages to the page",
                        ),
                    )
                ],
            ),
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
        )
        _accept(distribution)
        self.origin = f"https://{distribution.distribution_domain_name}"
        CfnOutput(scope, "ConsoleBucketName", value=self.bucket.bucket_name)
        CfnOutput(scope, "ConsoleUrl", value=f"{self.origin}/")

    def _headers(self, stage: Stage) -> cloudfront.ResponseHeadersPolicy:
        """Those of console/headers.json. The API's own host is not known here, for the API knows the console's: publishing narrows it."""
        guards: dict[str, str] = json.loads(HEADERS.read_text(encoding="utf-8"))
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            response_headers_policy_name=f"waybill-{stage.name}-console",
            comment="What the console may load and connect to",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=Template(guards["Content-Security-Policy"]).substitute(connect=_connect(stage)),
                    override=True,
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(730), include_subdomains=True, override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(header=name, value=guards[name], override=True)
                    for name in ("Cross-Origin-Opener-Policy", "Permissions-Policy")
                ]
            ),
        )


def _connect(stage: Stage) -> str:
    """API and live events, uploads, log-in: in this region."""
    gateway, bucket = f"*.execute-api.{Aws.REGION}.amazonaws.com", f"*.s3.{Aws.REGION}.amazonaws.com"
    return f"https://{gateway} wss://{gateway} https://{bucket} https://*.s3.amazonaws.com https://{sign_in_host(stage)}"


def _accept(distribution: cloudfront.Distribution) -> None:
    acknowledge(
        distribution, finding="AwsSolutions-CFR1", reason="Operators work from wherever they are; the API asks who they are."
    )
    acknowledge(
        distribution,
        finding="AwsSolutions-CFR2",
        reason="It serves the same public files to everybody, from a cache. The API has its own limits.",
    )
    acknowledge(
        distribution,
        finding="AwsSolutions-CFR3",
        reason="Who loads the page is no news; who asks for what stands in the API's log and in the audit.",
    )
    acknowledge(
        distribution,
        finding="AwsSolutions-CFR4",
        reason="CloudFront's own certificate knows no security policy; browsers and CloudFront speak TLS 1.3 all the same.",
    )
