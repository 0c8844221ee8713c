"""The SDK of OpenStack: how we log in, and its errors as ours. Credentials come from the environment (OS_CLOUD or OS_*)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.errors import ToolError
from orchestrator.texts import Words, say

API_SECONDS = 20
"""How long one call may take: a cloud that does not answer is said, and not waited for."""
BUSY_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between questions to a cloud that says that it has too much to do."""
HARMLESS_TWICE = frozenset({"GET", "HEAD", "DELETE"})
LOGIN_SECONDS = 8
"""The same for the first questions, of which a silent cloud leaves two unanswered."""


@contextmanager
def api_errors(doing: Words) -> Iterator[None]:
    """The SDK's errors as ours: what was asked, and what to do. Raises ToolError."""
    import keystoneauth1.exceptions as keystone
    import openstack.exceptions as sdk

    try:
        yield
    except keystone.ConnectionError as error:  # refused, reset, timed out
        raise ToolError(
            say("tools.cloud_silent", error=_brief(error)), where=doing, remedy=say("tools.check_network"), retryable=True
        ) from error
    except keystone.Unauthorized as error:
        raise ToolError(say("tools.cloud_refuses", error=_brief(error)), where=doing, remedy=say("tools.check_os_cloud")) from error
    except (sdk.ConfigException, keystone.MissingRequiredOptions, keystone.MissingAuthPlugin) as error:
        raise ToolError(say("tools.no_cloud", error=_brief(error)), where=doing, remedy=say("tools.set_os_cloud")) from error
    except sdk.ForbiddenException as error:
        raise ToolError(say("tools.cloud_forbids", error=_brief(error)), where=doing, remedy=say("tools.docs_rights")) from error
    except (sdk.SDKException, keystone.ClientException) as error:
        raise ToolError(
            say("tools.cloud_said", error=_brief(error)), where=doing, remedy=say("tools.look_on_cloud"), retryable=True
        ) from error


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:400]


_of_this_thread = threading.local()


def connect() -> Any:
    """A connection that has logged in, one for each thread and account: to log in costs the cloud more than most questions.
    Raises ToolError within seconds when it cannot."""
    account = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("OS_")))
    if getattr(_of_this_thread, "account", None) != account:
        _of_this_thread.connection = _log_in()
        _of_this_thread.account = account
    return _of_this_thread.connection


def log_out() -> None:
    """Forgets this thread's connection: from here on the same account and address are another cloud's."""
    _of_this_thread.__dict__.clear()


def _log_in() -> Any:
    import openstack

    with api_errors(say("tools.log_in")):
        connection = openstack.connect(api_timeout=API_SECONDS, app_name="orchestrator", compute_default_microversion="2.79")
        ask_once_more(connection.session.session)
        connection.session.timeout = LOGIN_SECONDS
        connection.session.get_token()  # its own `authorize` hides whether we are refused or nobody answers
        connection.session.timeout = API_SECONDS
        _look_for_region(connection)
    return connection


def _look_for_region(connection: Any) -> None:
    """Of a region that the cloud does not have the SDK says that a service is disabled, or that there is a programming error."""
    region = connection.config.region_name
    catalog = connection.session.auth.get_access(connection.session).service_catalog.catalog or ()
    regions = {str(endpoint.get("region_id") or endpoint.get("region")) for service in catalog for endpoint in service.get("endpoints", ())}
    if region and regions and region not in regions:
        raise ToolError(
            say("tools.no_region", region=region, regions=tuple(sorted(regions))), where=say("tools.log_in"), remedy=say("tools.set_region")
        )


def ask_once_more(requests_session: Any) -> None:
    """A connection that was kept open may be closed by the other side just when it is used again: what changes nothing when it
    is asked twice is asked a second time. A cloud that is silent, or refuses to be connected to, is not.

    One that answers that it has too much to do is asked again for half a minute, as slowly as it wishes."""
    import requests

    class OnceMore(requests.adapters.BaseAdapter):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            for pause in BUSY_PAUSES:
                answer = self._send_twice(request, *args, **kwargs)
                if not _may_be_asked_again(request, answer):
                    return answer
                answer.close()
                time.sleep(min(_wished_pause(answer) or pause, max(BUSY_PAUSES)))
            return self._send_twice(request, *args, **kwargs)

        def _send_twice(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return self.inner.send(request, *args, **kwargs)
            except requests.Timeout:
                raise
            except requests.ConnectionError:
                if request.method not in HARMLESS_TWICE:
                    raise
                return self.inner.send(request, *args, **kwargs)

        def close(self) -> None:
            self.inner.close()

    for prefix, adapter in list(requests_session.adapters.items()):
        requests_session.mount(prefix, OnceMore(adapter))


def _may_be_asked_again(request: Any, answer: Any) -> bool:
    """429: it was not even looked at. 503 may come from something on the way, after a POST had been done."""
    return answer.status_code == 429 or (answer.status_code == 503 and request.method in HARMLESS_TWICE)


def _wished_pause(answer: Any) -> float:
    """Seconds that the cloud asks for; 0: it does not, or names a date."""
    wished = str(answer.headers.get("Retry-After") or "")
    return float(wished) if wished.isdecimal() else 0.0
