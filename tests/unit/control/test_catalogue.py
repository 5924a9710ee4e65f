from tidegate.control.catalogue import read_catalogue


def test_the_catalogue_ships_with_the_package() -> None:
    catalogue = read_catalogue()
    assert {"anthropic", "openai", "sandbox", "custom"} <= catalogue.providers.keys()
    assert catalogue.models["anthropic"]
