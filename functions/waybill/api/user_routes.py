"""Routes of the user: how to log in, and who one is."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from waybill.api.models import MeView
from waybill.api.services import current
from waybill.settings import SignIn

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get("/api/sign-in", summary="Where to log in; needs no token")
def sign_in() -> SignIn:
    return current.get().environment.sign_in


@router.get("/api/me", summary="Who asks, and in which role")
def me() -> MeView:
    caller = current.get().caller
    return MeView(name=caller.name, subject=caller.subject, role=caller.role)
