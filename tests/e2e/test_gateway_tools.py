"""Tools, parallel calls and schemas in streams, by the official SDK and its helpers; also where the
provider is cut in the middle of the arguments."""

from __future__ import annotations

import asyncio
import json
from itertools import cycle, zip_longest

import openai
import pydantic
import pytest
from gateway_house import Gateway
from town import route_over, wait_until

from scripted import DONE, USAGE, event, reply, scripted, text

MESSAGES = [{"role": "user", "content": "Where are my orders?"}]


class FindOrder(pydantic.BaseModel):
    """Finds an order."""

    number: str
    note: str


class Verdict(pydantic.BaseModel):
    good: bool
    reasons: list[str]


WANTED = [
    {"number": "7", "note": 'Ü "quoted" \\ \n☃'},
    {"number": "8", "note": "a note that is a little longer than the other one"},
]
TOOLS = [openai.pydantic_function_tool(FindOrder, name="find_order")]
HEALTHY = {"breaker": {"consecutive": 1000, "min_requests": 1000}, "health_check": {"interval": 0}}


def tool_delta(index, arguments, **more):
    call = {"index": index, "function": {"arguments": arguments}}
    call["function"].update({k: more.pop(k) for k in ("name",) if k in more})
    return event({"tool_calls": [{**call, **more}]})


def two_calls(who, size, in_turns=True):
    """Two calls whose arguments come in turns or one after the other, `size` characters an event;
    ids are each provider's own, as they are."""
    heads, parts = [], []
    for i, wanted in enumerate(WANTED):
        whole = json.dumps(wanted, ensure_ascii=i == 0)
        heads.append(tool_delta(i, "", id=f"call_{who}{i}", type="function", name="find_order"))
        parts.append([tool_delta(i, whole[at : at + size]) for at in range(0, len(whole), size)])
    events = [event({"role": "assistant", "content": None})]
    if in_turns:
        events += heads
        events += [part for turn in zip_longest(*parts) for part in turn if part]
    else:
        events += [heads[0], *parts[0], heads[1], *parts[1]]
    counted = json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                          "choices": [], "usage": USAGE})  # fmt: skip
    return [*events, event(finish="tool_calls"), b"data: %s\n\n" % counted.encode(), DONE]


@pytest.fixture
def two():
    with scripted({}) as first, scripted({}) as second:
        yield first, second


@pytest.fixture
def gateway(tmp_path, two):
    config = route_over(*(provider.url for provider in two), **HEALTHY)
    with Gateway(tmp_path / "g", config) as running:
        yield running


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=gateway.url, api_key="sk-any", timeout=20) as made:
        yield made


def both_say(two, steps):
    for provider in two:
        provider.steps = {"m": steps}


def calls_of(chunks):
    """What a client that adds up deltas by index has in the end."""
    calls = {}
    for chunk in chunks:
        for part in chunk.choices[0].delta.tool_calls or () if chunk.choices else ():
            call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += part.id or ""
            call["name"] += part.function.name or ""
            call["arguments"] += part.function.arguments or ""
    return [calls[index] for index in sorted(calls)]


def test_parallel_calls_with_streamed_arguments(client, two):
    both_say(two, two_calls("a", 3))
    chunks = list(
        client.chat.completions.create(
            model="r", messages=MESSAGES, tools=TOOLS, parallel_tool_calls=True, stream=True
        )
    )
    calls = calls_of(chunks)
    assert [json.loads(call["arguments"]) for call in calls] == WANTED
    assert [(call["id"], call["name"]) for call in calls] == [
        ("call_a0", "find_order"),
        ("call_a1", "find_order"),
    ]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    asked = two[0].asked[0]
    assert asked["parallel_tool_calls"] is True
    assert asked["tools"] == TOOLS
    assert two[1].asked == []


@pytest.mark.parametrize(("ours", "theirs"), [(3, 3), (7, 4), (4, 100)])
def test_arguments_that_were_cut_go_on_where_they_were(gateway, client, two, ours, theirs):
    """The other provider cuts its text into other pieces, and names its calls otherwise."""
    whole = two_calls("a", ours)
    two[1].steps = {"m": two_calls("b", theirs)}
    end = whole.index(event(finish="tool_calls"))
    for cut in range(1, end + 1):
        # Resumes are extra sends, and those are limited to a part of all.
        two[0].steps = {"m": whole}
        list(client.chat.completions.create(model="r", messages=MESSAGES, stream=True))
        two[0].steps = {"m": whole[:cut]}
        chunks = list(
            client.chat.completions.create(model="r", messages=MESSAGES, tools=TOOLS, stream=True)
        )
        calls = calls_of(chunks)
        assert [json.loads(call["arguments"]) for call in calls] == WANTED, cut
        assert [call["name"] for call in calls] == ["find_order"] * 2, cut
        first_seen = ["a" if cut > 1 + index else "b" for index in range(2)]
        assert [call["id"] for call in calls] == [f"call_{w}{i}" for i, w in enumerate(first_seen)]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
        assert len({chunk.id for chunk in chunks}) == 1
    assert len(two[1].asked) == end
    assert gateway.metric('keel_budget_held_usd{account="relay"}') == 0


def test_arguments_that_go_on_otherwise_are_no_call(client, two):
    cut = two_calls("a", 3)[:12]
    other = [*cut[:6], tool_delta(0, "something else"), event(finish="tool_calls"), DONE]
    two[0].steps, two[1].steps = {"m": cut}, {"m": other}
    read = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(
            model="r", messages=MESSAGES, tools=TOOLS, stream=True
        ):
            read.append(chunk)
    assert caught.value.code == "stream_interrupted"
    assert not any(c.choices[0].finish_reason for c in read if c.choices)
    for call, wanted in zip(calls_of(read), WANTED, strict=True):
        whole = {json.dumps(wanted), json.dumps(wanted, ensure_ascii=False)}
        assert any(text.startswith(call["arguments"]) for text in whole)


def test_the_stream_helper_adds_calls_up(client, two):
    """With a cut in the middle, too: the helper sees one stream."""
    whole = two_calls("a", 5, in_turns=False)
    both_say(two, whole)
    for cut in (len(whole), 5, 16):
        two[0].steps = {"m": whole[:cut]}
        with client.chat.completions.stream(
            model="r", messages=MESSAGES, tools=TOOLS, stream_options={"include_usage": True}
        ) as stream:
            events = list(stream)
            final = stream.get_final_completion()
        done = [e for e in events if e.type == "tool_calls.function.arguments.done"]
        assert [e.parsed_arguments for e in done] == [FindOrder(**wanted) for wanted in WANTED]
        calls = final.choices[0].message.tool_calls
        assert [call.function.parsed_arguments for call in calls] == [
            FindOrder(**wanted) for wanted in WANTED
        ]
        assert final.choices[0].finish_reason == "tool_calls"
        assert final.usage.completion_tokens == USAGE["completion_tokens"]


VERDICT = Verdict(good=True, reasons=["Ü", "2"])


def test_the_stream_helper_reads_a_schema(client, two):
    said = VERDICT.model_dump_json()
    words = [said[at : at + 6] for at in range(0, len(said), 6)]
    steps = [*text(*words), event(finish="stop", usage=USAGE), DONE]
    both_say(two, steps)
    for cut in (len(steps), 4):
        two[0].steps = {"m": steps[:cut]}
        with client.chat.completions.stream(
            model="r", messages=MESSAGES, response_format=Verdict
        ) as stream:
            deltas = [e.delta for e in stream if e.type == "content.delta" and e.delta]
            assert stream.get_final_completion().choices[0].message.parsed == VERDICT
        assert deltas == words
    assert two[0].asked[0]["response_format"]["json_schema"]["name"] == "Verdict"


def test_parse_reads_a_schema_and_tools(client, two):
    message = {"role": "assistant", "content": VERDICT.model_dump_json(), "refusal": None}
    whole = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "usage": USAGE}

    def says(message, finish):
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        return reply(json.dumps({**whole, "choices": [choice]}).encode())

    both_say(two, says(message, "stop"))
    parsed = client.chat.completions.parse(model="r", messages=MESSAGES, response_format=Verdict)
    assert parsed.choices[0].message.parsed == VERDICT
    assert two[0].asked[0]["response_format"]["json_schema"]["strict"] is True

    calls = [
        {"id": f"call_{i}", "type": "function",
         "function": {"name": "find_order", "arguments": json.dumps(wanted)}}
        for i, wanted in enumerate(WANTED)
    ]  # fmt: skip
    both_say(two, says({**message, "content": None, "tool_calls": calls}, "tool_calls"))
    parsed = client.chat.completions.parse(model="r", messages=MESSAGES, tools=TOOLS)
    calls = parsed.choices[0].message.tool_calls
    assert [call.function.parsed_arguments for call in calls] == [FindOrder(**w) for w in WANTED]


def test_an_answer_that_was_cut_short_does_not_parse(client, two):
    """`length` and `content_filter` reach the helper as they are."""
    for finish, error in (
        ("length", openai.LengthFinishReasonError),
        ("content_filter", openai.ContentFilterFinishReasonError),
    ):
        both_say(two, [*text('{"good": tr'), event(finish=finish, usage=USAGE), DONE])
        with pytest.raises(error):
            with client.chat.completions.stream(
                model="r", messages=MESSAGES, response_format=Verdict
            ) as stream:
                list(stream)
                stream.get_final_completion()


def test_streams_of_tasks(gateway, two):
    """Fifty at once: one of three is cut, one of five leaves early."""
    whole = two_calls("a", 5)
    turns = cycle([whole, whole[:9], whole])
    two[0].steps, two[1].steps = {"m": lambda: next(turns)}, {"m": whole}

    async def ask(client, number):
        asked = await client.chat.completions.create(
            model="r", messages=MESSAGES, tools=TOOLS, stream=True, user=str(number)
        )
        async with asked as chunks:
            read = []
            async for chunk in chunks:
                read.append(chunk)
                if number % 5 == 4 and len(read) == 7:
                    break
        if number % 5 != 4:
            assert [json.loads(call["arguments"]) for call in calls_of(read)] == WANTED
        return len(read)

    async def ask_all():
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key="sk", timeout=20) as client:
            return await asyncio.gather(*(ask(client, n) for n in range(50)))

    assert min(asyncio.run(ask_all())) == 7
    held = 'keel_budget_held_usd{account="relay"}'
    wait_until(lambda: gateway.metric(held) == 0, 10, "nothing held")
