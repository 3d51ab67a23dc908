"""Real documents, migrated and compared byte by byte, as `waybill up --from` takes them."""

from pathlib import Path

import pytest

from local.samples.folder import from_folder
from tests.e2e.scene import Scene

DOCUMENTS = Path(__file__).parents[3] / "shared" / "data" / "documents"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="../shared/data/documents is not there.")
def test_every_byte_of_every_document_is_behind_its_new_link(scene: Scene) -> None:
    org = from_folder(DOCUMENTS, bucket=scene.stack.names.source_bucket)
    loaded = scene.stack.load(org)
    before = scene.urls()
    backup = scene.backup("full")
    assert backup.exit_code == 0, backup.view["errors"]
    assert backup.files["copied"] == len(org.files)
    assert scene.urls() == before
    assert scene.salesforce_writes == []
    cut = scene.cutover()
    assert cut.exit_code == 0, cut.view["errors"]
    assert cut.files["switched"] == len(org.files)
    links = scene.urls()
    assert len(set(links.values())) == len(org.files)
    for entry, file in zip(loaded.entry_ids, org.files, strict=True):
        assert scene.is_new(links[entry])
        assert len(links[entry]) <= 255
        assert file.body is not None
        assert scene.opened(links[entry]) == file.body(), file.name
    back = scene.rollback(all=True)
    assert back.files["rolled_back"] == len(org.files)
    assert scene.urls() == before
