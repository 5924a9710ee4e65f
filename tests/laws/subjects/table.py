"""The dialects under the laws: a new one is its file here and one line. `test_dialects` fails while the table of the gateway has more."""

from tests.laws.subject import Subject
from tests.laws.subjects import anthropic, bedrock_converse, gemini, openai_chat, openai_responses

SUBJECTS: tuple[Subject, ...] = (
    openai_chat.SUBJECT,
    openai_responses.SUBJECT,
    anthropic.SUBJECT,
    gemini.SUBJECT,
    bedrock_converse.SUBJECT,
)
