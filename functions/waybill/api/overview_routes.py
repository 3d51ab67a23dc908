"""Routes of what concerns a whole stage: its errors by class, its settings."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel

from waybill.api.services import current
from waybill.api.troubles import ErrorsView, errors_by_class
from waybill.settings import Configuration, SignIn

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class SecretView(BaseModel):
    """Where a secret is kept; what is in it is shown to nobody."""

    name: str
    arn: str


class SettingsView(BaseModel):
    """What the stage is configured with, as its functions are told."""

    stage: str
    configuration: Configuration
    table: str
    work_bucket: str
    destination_bucket: str
    # Kind of run -> ARN.
    state_machines: dict[str, str]
    sign_in: SignIn
    secrets: list[SecretView]


@router.get("/api/errors", summary="The errors of the latest runs, by class, and what to do about each")
def errors() -> ErrorsView:
    services = current.get()
    return errors_by_class(services.store.all(), store=services.store, work=services.work)


@router.get("/api/settings", summary="What this stage is configured with, without its secrets")
def settings() -> SettingsView:
    environment = current.get().environment
    secrets = {"salesforce": environment.salesforce_secret, "source": environment.source_secret}
    return SettingsView(
        stage=environment.stage,
        configuration=environment.config,
        table=environment.table,
        work_bucket=environment.work_bucket,
        destination_bucket=environment.destination_bucket,
        state_machines=dict(environment.state_machines),
        sign_in=environment.sign_in,
        secrets=[SecretView(name=name, arn=arn) for name, arn in secrets.items() if arn],
    )
