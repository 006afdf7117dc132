"""The built-in components: registered, made, and complete."""

from llm_obs_core import plugins, semconv
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Drop, EnumMap, NormalizerRules, PriceKey, Rename, Scale

HOST = Hosts()("normalizer", "genai")


def load() -> plugins.Plugins:
    return plugins.load(only=["bundled", "genai"])


def rules() -> NormalizerRules:
    made: NormalizerRules = load().get("normalizer", "genai").make(None, HOST).rules()
    return made


def test_the_normalizer_writes_canonical_names() -> None:
    canonical = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    for operation in rules().operations:
        if isinstance(operation, Rename):
            assert set(operation.sources) <= set(semconv.KNOWN_KEYS)
        if not isinstance(operation, Drop):
            assert operation.target in canonical


def test_a_map_ends_in_words_that_it_leaves_alone() -> None:
    for operation in rules().operations:
        if isinstance(operation, EnumMap) and operation.source == operation.target:
            for word in operation.mapping.values():
                assert operation.mapping.get(word, word) == word


def test_milliseconds_become_seconds_and_dollars_nano_dollars() -> None:
    scales = [item for item in rules().operations if isinstance(item, Scale)]
    assert {(item.target, item.numerator, item.denominator, item.integer) for item in scales} == {
        (semconv.RESPONSE_TIME_TO_FIRST_CHUNK, 1, 1000, False),
        (semconv.COST_TOTAL_NANO_USD, 10**9, 1, True),
    }


def test_the_pricer_takes_rules_from_the_configuration() -> None:
    pricer = load().get("pricer", "bundled").make({"rules": [{"model": "mine", "input": "1.5", "output": 2}]}, HOST)
    (price,) = pricer.prices([PriceKey("any", "mine")])
    assert price.bands[0].input_uncached == 1_500_000
