from tidegate.adapters.sql.rows import new_id


def test_ids_have_their_prefix_and_are_not_repeated() -> None:
    made = {new_id("team") for _ in range(1000)}
    assert len(made) == 1000
    assert all(id.startswith("team_") and len(id) == 21 and id[5:].isalnum() for id in made)
