import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ir.errors import GatewayError
from tidegate.ir.loss import Loss
from tidegate.ir.target import Quirks
from tidegate.providers.quirks import alnum9, apply_quirks
from tidegate.wire.splice import scan

REASONS = {
    "drop": "no such field",
    "drop_message": "no names",
    "tool_id": "nine",
    "system_role": "no developer",
    "stream_usage": "always told",
}


def applied(body: bytes, **quirks: object) -> tuple[bytes, list[Loss]]:
    return apply_quirks(scan(body), msgspec.convert({"reasons": REASONS, **quirks}, Quirks))


def test_without_a_quirk_that_applies_the_body_is_the_same_object():
    body = b'{"model": "m",  "messages": [{"role":"user","content":"developer"}]}'
    out, losses = applied(
        body, rename={"seed": "random_seed"}, drop=["user"], tool_id="alnum9", system_role="system", drop_message=["*.name"]
    )
    assert out is body
    assert losses == []


def test_rename_keeps_the_place_and_every_other_byte():
    out, losses = applied(b'{"a": 1 , "seed" : 7,"z":2}', rename={"seed": "random_seed"})
    assert msgspec.json.decode(out) == {"a": 1, "random_seed": 7, "z": 2}
    assert list(msgspec.json.decode(out)) == ["a", "random_seed", "z"]
    assert out.startswith(b'{"a": 1 , ')
    assert losses == []


def test_where_both_names_were_given_the_one_that_the_provider_knows_stays():
    out, losses = applied(b'{"max_completion_tokens":5,"max_tokens":9}', rename={"max_completion_tokens": "max_tokens"})
    assert out == b'{"max_tokens":9}'
    assert [(loss.kind, loss.field) for loss in losses] == [("dropped", "max_completion_tokens")]


def test_dropped_fields_are_on_the_receipt_with_the_reason():
    out, losses = applied(b'{"user":"u","model":"m","logit_bias":{}}', drop=["user", "logit_bias", "store"])
    assert out == b'{"model":"m"}'
    assert losses == [
        Loss("dropped", "user", "not taken by the provider: no such field"),
        Loss("dropped", "logit_bias", "not taken by the provider: no such field"),
    ]


def test_stream_options_go_where_usage_is_always_told():
    body = b'{"stream":true,"stream_options":{"include_usage":true}}'
    assert applied(body)[0] == body
    out, losses = applied(body, stream_usage=False)
    assert out == b'{"stream":true}'
    assert losses == [Loss("dropped", "stream_options", "not taken by the provider: always told")]


def test_fields_that_are_needed_are_set_only_where_the_client_set_none():
    assert applied(b'{"a":1}', set_fields={"b": [2]})[0] == b'{"a":1,"b":[2]}'
    assert applied(b'{"b":1}', set_fields={"b": [2]})[0] == b'{"b":1}'


def test_developer_becomes_system_and_other_messages_keep_their_bytes():
    body = b'{"messages": [ {"role": "developer", "content": "x"} , {"role":"user",  "content":"developer says \\"developer\\""}]}'
    out, losses = applied(body, system_role="system")
    assert out == body.replace(b'"role": "developer"', b'"role": "system"')
    assert [(loss.kind, loss.field) for loss in losses] == [("mapped", "messages[0].role")]


def test_names_of_messages_are_dropped_by_role():
    body = b'{"messages":[{"role":"user","name":"u","content":"x"},{"role":"tool","name":"t","content":"y"}]}'
    out, losses = applied(body, drop_message=["user.name"])
    assert out == b'{"messages":[{"role":"user","content":"x"},{"role":"tool","name":"t","content":"y"}]}'
    assert [loss.field for loss in losses] == ["messages[0].name"]
    assert applied(body, drop_message=["*.name"])[1][1].field == "messages[1].name"


def test_a_rule_for_system_holds_for_what_was_a_developer_message():
    out, _ = applied(b'{"messages":[{"role":"developer","name":"d","content":"x"}]}', system_role="system", drop_message=["system.name"])
    assert out == b'{"messages":[{"role":"system","content":"x"}]}'


def test_a_null_that_is_dropped_is_no_loss():
    assert applied(b'{"messages":[{"role":"user","name":null}]}', drop_message=["*.name"]) == (b'{"messages":[{"role":"user"}]}', [])


def test_tool_ids_are_mapped_alike_for_the_call_and_its_result():
    body = msgspec.json.encode(
        {
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": "toolu_01", "function": {"name": "f"}}, {"id": "abcDEF123"}]},
                {"role": "tool", "tool_call_id": "toolu_01", "content": "1"},
                {"role": "tool", "tool_call_id": "abcDEF123", "content": "2"},
            ]
        }
    )
    out, losses = applied(body, tool_id="alnum9")
    first, second, third = msgspec.json.decode(out)["messages"]
    assert first["tool_calls"][0]["id"] == second["tool_call_id"] == alnum9("toolu_01")
    assert first["tool_calls"][1]["id"] == third["tool_call_id"] == "abcDEF123"
    assert [loss.field for loss in losses] == ["messages[0].tool_calls[0].id", "messages[1].tool_call_id"]
    again, more = applied(out, tool_id="alnum9")
    assert again == out
    assert more == []


@given(st.text())
def test_alnum9_is_nine_letters_and_digits_and_stays_what_it_is(tool_id: str):
    short = alnum9(tool_id)
    assert len(short) == 9
    assert short.isascii()
    assert short.isalnum()
    assert alnum9(short) == short


def test_messages_that_are_no_list_are_left_to_the_provider():
    body = b'{"messages":{"role":"developer"}}'
    assert applied(body, system_role="system") == (body, [])
    body = b'{"messages":["developer",7,{"tool_call_id":7},{"tool_calls":[7,{"id":""}]}]}'
    assert applied(body, system_role="system", tool_id="alnum9") == (body, [])


def test_a_message_with_a_name_twice_is_refused_where_it_would_have_to_be_changed():
    body = b'{"messages":[{"role":"developer","role":"user"}]}'
    with pytest.raises(GatewayError) as refused:
        applied(body, system_role="system")
    assert refused.value.error.param == "messages[0]"
