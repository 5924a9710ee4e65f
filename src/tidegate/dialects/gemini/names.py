"""Names of fields: Google writes them in camelCase and takes them in snake_case too. Decoders see camelCase only."""

import re

from tidegate.ir.json import Json, JsonObject

NAME = "gemini"

_CAMEL = """
allowedFunctionNames anyOf avgLogprobs audioTimestamp blockReason blockReasonMessage cachedContent cachedContentTokenCount
cacheTokensDetails candidateCount candidatesTokenCount candidatesTokensDetails citationMetadata codeExecution codeExecutionResult
computerUse createTime defaultValue displayName dynamicRetrievalConfig endIndex endOffset enableEnhancedCivicAnswers
enterpriseWebSearch excludeDomains executableCode fileData fileSearch fileUri finishMessage finishReason frequencyPenalty functionCall
functionCallingConfig functionDeclarations functionResponse generateContentRequest generationConfig googleMaps googleSearch
googleSearchRetrieval groundingChunkIndices groundingChunks groundingMetadata groundingSupports imageConfig includeThoughts
includeServerSideToolInvocations inlineData latLng languageCode logprobsResult maxItems maxLength maxOutputTokens maxProperties mcpServers
mediaResolution mimeType minItems minLength minProperties modelArmorConfig modelSelectionConfig modelVersion outputDimensionality
parametersJsonSchema partIndex partMetadata presencePenalty promptFeedback promptTokenCount promptTokensDetails propertyOrdering
responseId responseJsonSchema responseLogprobs responseMimeType responseModalities responseSchema retrievalConfig retrievalQueries
routingConfig safetyRatings safetySettings scheduling searchEntryPoint serviceTier speechConfig startIndex startOffset stopSequences
streamFunctionCallArguments systemInstruction taskType thinkingBudget thinkingConfig thinkingLevel thoughtSignature thoughtsTokenCount
timeRangeFilter toolCall toolConfig toolResponse toolUsePromptTokenCount toolUsePromptTokensDetails topK topP totalTokenCount trafficType
urlContext urlContextMetadata videoMetadata voiceConfig webSearchQueries willContinue
"""
_UPPER = re.compile(r"[A-Z]")
_OF_SNAKE = {_UPPER.sub(lambda letter: "_" + letter[0].lower(), name): name for name in _CAMEL.split()}


def camel(raw: JsonObject) -> JsonObject:
    """The object with the names that Google knows in camelCase; the same object where they are. Where both forms of a name are given the
    first one's stays apart."""
    if not any("_" in name and name in _OF_SNAKE for name in raw):
        return raw
    out: JsonObject = {}
    for name, value in raw.items():
        known = _OF_SNAKE.get(name, name)
        out[name if known in out or (known != name and known in raw) else known] = value
    return out


def snake(name: str) -> str:
    """The other form of a name."""
    return _UPPER.sub(lambda letter: "_" + letter[0].lower(), name)


def many(value: Json) -> Json:
    """A repeated field, for which Google takes a single object too."""
    return [value] if type(value) is dict else value
