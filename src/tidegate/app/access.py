"""Which identity providers give access tokens: a kind of authentication is added here."""

from tidegate.adapters.access import aws, entra, google
from tidegate.adapters.access.tokens import StoredTokens
from tidegate.ports import AccessTokens, Clock


def access_tokens(clock: Clock) -> AccessTokens:
    return StoredTokens({"google": google.exchange, "aws": aws.exchange, "azure": entra.exchange}, clock)
