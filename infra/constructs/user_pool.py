"""Who may use Waybill: a Cognito user pool with a group for each role, and a public client for browsers and the command."""

from collections.abc import Sequence

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.stage import Stage
from waybill.settings import SignIn

GROUPS = {
    "viewer": "Reads",
    "operator": "Reads, backs up, dry-runs, pauses, resumes and cancels",
    "admin": "All that an operator may; cuts over, rolls back, cleans up",
}
# Where `waybill login` listens for the browser to come back. Cognito compares it letter by letter.
COMMAND_CALLBACK = "http://localhost:8976/callback"


def domain_prefix(stage: Stage) -> str:
    """Prefixes are unique in a region: the account's number makes this one so."""
    return f"waybill-{stage.name}-{Aws.ACCOUNT_ID}"


def sign_in_host(stage: Stage) -> str:
    """Where the pool's pages are."""
    return f"{domain_prefix(stage)}.auth.{Aws.REGION}.amazoncognito.com"


class OperatorPool(Construct):
    """Users are added by an administrator; nobody signs himself up. `pages`: those that the browser may come back to after it."""

    def __init__(self, scope: Construct, *, stage: Stage, removal: RemovalPolicy, pages: Sequence[str]) -> None:
        super().__init__(scope, "Users")
        self.pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name=f"waybill-{stage.name}",
            self_sign_up_enabled=False,
            sign_in_case_sensitive=False,
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            password_policy=cognito.PasswordPolicy(
                min_length=14, require_lowercase=True, require_uppercase=True, require_digits=True, require_symbols=True
            ),
            feature_plan=cognito.FeaturePlan.PLUS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION,
            deletion_protection=stage.retain,
            removal_policy=removal,
        )
        for name, described in GROUPS.items():
            cognito.CfnUserPoolGroup(
                self, name.title(), user_pool_id=self.pool.user_pool_id, group_name=name, description=described
            )
        domain = self.pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=domain_prefix(stage)),
        )
        self.client = self.pool.add_client(
            "Client",
            user_pool_client_name=f"waybill-{stage.name}",
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.hours(12),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID],
                callback_urls=[COMMAND_CALLBACK, *pages],
            ),
        )
        self.sign_in = SignIn(
            authorize_url=f"{domain.base_url()}/oauth2/authorize",
            token_url=f"{domain.base_url()}/oauth2/token",
            client_id=self.client.user_pool_client_id,
        )
        CfnOutput(scope, "SignInHost", value=sign_in_host(stage))
        CfnOutput(scope, "UserPoolId", value=self.pool.user_pool_id)
