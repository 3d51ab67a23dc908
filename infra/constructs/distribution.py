"""The link gateway's way in: a CloudFront distribution in front of a function that nobody else may call."""

from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.nag import acknowledge
from infra.stage import Stage

VIEWER_ADDRESS = "CloudFront-Viewer-Address"


class LinkDistribution(Construct):
    """HTTPS only, nothing cached, no cookie and no query passed on. `base`: what stands in front of a link's path."""

    def __init__(self, scope: Construct, *, stage: Stage, function: lambda_.Function) -> None:
        super().__init__(scope, "Distribution")
        url = function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
        # The stage sees to it that they go together.
        own_base, certificate_arn = stage.config.destination.link_base, stage.links.certificate_arn
        certificate = (
            certificates.Certificate.from_certificate_arn(self, "Certificate", certificate_arn) if certificate_arn else None
        )
        distribution = cloudfront.Distribution(
            self,
            "Links",
            comment=f"Waybill {stage.name}: links to files",
            default_behavior=cloudfront.BehaviorOptions(
                # It signs its requests, and the function takes no others.
                origin=origins.FunctionUrlOrigin.with_origin_access_control(url),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                origin_request_policy=cloudfront.OriginRequestPolicy(
                    self,
                    "Passed",
                    origin_request_policy_name=f"waybill-{stage.name}-links",
                    comment="Who asks, for the log; no cookie, no query",
                    header_behavior=cloudfront.OriginRequestHeaderBehavior.allow_list(VIEWER_ADDRESS, "User-Agent"),
                    cookie_behavior=cloudfront.OriginRequestCookieBehavior.none(),
                    query_string_behavior=cloudfront.OriginRequestQueryStringBehavior.none(),
                ),
                compress=False,
            ),
            domain_names=[str(own_base).partition("://")[2]] if certificate else None,
            certificate=certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            web_acl_id=stage.links.web_acl_arn,
        )
        self.base = str(own_base) if certificate else f"https://{distribution.distribution_domain_name}"
        _accept(distribution, own=certificate is not None, guarded=stage.links.web_acl_arn is not None)


def _accept(distribution: cloudfront.Distribution, *, own: bool, guarded: bool) -> None:
    acknowledge(
        distribution,
        finding="AwsSolutions-CFR1",
        reason="Whoever may see a record may open its file, wherever he is.",
    )
    acknowledge(
        distribution,
        finding="AwsSolutions-CFR3",
        reason="CloudFront would log paths, and a path is the right to open a file. The function logs every opening.",
    )
    if not guarded:
        acknowledge(
            distribution,
            finding="AwsSolutions-CFR2",
            reason="128 bits cannot be guessed at any rate; links.web_acl_arn takes a web ACL where load is to be limited.",
        )
    if not own:
        acknowledge(
            distribution,
            finding="AwsSolutions-CFR4",
            reason="CloudFront's own certificate knows no security policy; links.certificate_arn with a domain of one's own sets TLS 1.2.",
        )
