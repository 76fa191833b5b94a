"""The SDK's own tests of a tap, for taps whose service runs only while a test does (its class wants one at import)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from singer_sdk import Tap
from singer_sdk.testing import SuiteConfig
from singer_sdk.testing.runners import TapTestRunner
from singer_sdk.testing.suites import tap_stream_attribute_tests, tap_stream_tests, tap_tests


def run_all(tap: type[Tap], config: dict[str, Any], empty: Collection[str] = ()) -> int:
    """Run every one of them; how many there were.

    Args:
        tap: the class.
        config: its settings.
        empty: fields without a value to test, as `field` or `stream.field`.
    """
    suite = SuiteConfig(max_records_limit=None)
    runner = TapTestRunner(tap, config, suite)
    runner.sync_all()
    done = 0
    for tap_test in tap_tests.tests:
        tap_test().run(suite, None, runner)
        done += 1
    for stream in runner.new_tap().streams.values():
        for stream_test in tap_stream_tests.tests:
            stream_test().run(suite, None, runner, stream)
            done += 1
        for attribute_test in tap_stream_attribute_tests.tests:
            for name, schema in stream.schema["properties"].items():
                if {name, f"{stream.name}.{name}"}.isdisjoint(empty) and attribute_test.evaluate(
                    stream=stream, property_name=name, property_schema=schema
                ):
                    attribute_test().run(suite, None, runner, stream, name)
                    done += 1
    return done
