"""Where calls are sent and how: providers and models as rows of data, authentication, quirks."""
