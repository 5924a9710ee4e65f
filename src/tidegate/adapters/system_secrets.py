"""Random text for ids and keys, from the operating system."""

import secrets

from tidegate.policy.keys import ALPHABET


class SystemSecrets:
    """Implements `ports.Secrets`."""

    def base62(self, length: int) -> str:
        return "".join(secrets.choice(ALPHABET) for _ in range(length))
