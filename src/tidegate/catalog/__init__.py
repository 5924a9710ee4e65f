"""The catalogue's data: providers with their quirks, models with their capabilities, prices. No code lives here.

`app` reads the files and hands their bytes to `providers.catalog.decode`. `providers.json`, `models.json` and `tiers.json`
(prices of service tiers) are kept by hand (docs/recipes/add-a-provider.md); `prices.json` is made by tools/refresh_catalog.py.
"""
