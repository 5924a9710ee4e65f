"""The catalogue's data: providers with their quirks, models with their capabilities, prices. No code lives here.

`app` reads the files and hands their bytes to `providers.catalog.decode`. `providers.json`, `models.json` and `tiers.json`
(prices of service tiers) are kept by hand (docs/recipes/add-a-provider.md); `lists.json` has the shapes of providers' lists of models;
`prices.json` is made by `tidegate catalog refresh`.
"""
