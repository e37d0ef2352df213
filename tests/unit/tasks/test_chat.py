"""The better response follows the request and the worse one does not: read from the prompt's text alone."""

import re

import pytest

from w2s_tasks import chat as requests
from w2s_tasks.chat import FAULTS, ChatTask, faults_of, respond, spoil
from w2s_tasks.draws import stream


def follows(prompt, response):
    asked = re.match(r"(?:Name|List|Give) (\w+) (\w+)(.*?)\.", prompt)
    words = response.split()
    items = [word for word in words if any(word.lower() in names for names in requests.TOPICS.values())]
    if len(items) != requests.NUMBERS.index(asked[1]) or len({item.lower() for item in items}) != len(items):
        return False
    if any(item.lower() not in requests.TOPICS[asked[2]] for item in items):
        return False
    if "in capitals" in asked[3] and any(item != item.upper() for item in items):
        return False
    if "in capitals" not in asked[3] and any(item != item.lower() for item in items):
        return False
    lowered = [item.lower() for item in items]
    if "in order" in asked[3] and lowered != sorted(lowered):
        return False
    if "in reverse order" in asked[3] and lowered != sorted(lowered)[::-1]:
        return False
    polite, blunt = set(requests.POLITE) & set(words), set(requests.BLUNT) & set(words)
    if (bool(polite), bool(blunt)) != ("politely" in asked[3], "rudely" in asked[3]):
        return False
    begin, end = re.search(r"Begin with (\w+)", prompt), re.search(r"End with (\w+)", prompt)
    if begin and words[0] != begin[1]:
        return False
    return not (end and words[-1] != end[1])


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_the_label_names_the_response_that_follows_the_request(difficulty):
    for row in ChatTask(
        data_seed=9, difficulty=difficulty, label_rows=100, unlabel_rows=100, test_rows=200
    ).load():
        assert follows(row.prompt, row.first) == row.label
        assert follows(row.prompt, row.second) == (not row.label)


def test_every_fault_is_one():
    seen = set()
    for seed in range(200):
        request = requests.draw(3, stream("request", seed))
        assert requests.is_followed(request, " ".join(respond(request, stream("right", seed))))
        for fault in faults_of(request):
            wrong = spoil(request, fault, stream("wrong", seed, fault))
            assert wrong is not None
            assert not requests.is_followed(request, " ".join(wrong))
            seen.add(fault)
    assert seen == set(FAULTS)
