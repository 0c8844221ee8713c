"""The interactive command line of a managed device: a prompt, a command, an answer. No shell, nothing is executed otherwise."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.errors import Refused, ToolError
from orchestrator.texts import say
from orchestrator.tools.process import Stopped
from orchestrator.tools.secrets import MASKER
from orchestrator.tools.ssh import CONNECT_SECONDS, open_client

if TYPE_CHECKING:
    import paramiko

PROMPT = r"[\w.@-]+[>#$] ?"
"""What most devices show when they wait for a command."""
MAX_ANSWER = 1_000_000
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00\x07\x08]")


class DeviceCli:
    """One login to a device. A context manager; one command at a time."""

    def __init__(self, name: str, client: paramiko.SSHClient, channel: paramiko.Channel, prompt: str, greeting_seconds: float) -> None:
        self.name = name
        self._client, self._channel = client, channel
        self._prompt = prompt
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.greeting = self._until(prompt, greeting_seconds)

    @classmethod
    def open(
        cls,
        name: str,
        address: str,
        port: int,
        user: str,
        *,
        known_hosts: Path | None,
        password: str | None = None,
        key: Path | None = None,
        prompt: str = PROMPT,
        timeout: float = CONNECT_SECONDS,
    ) -> Self:
        """Log in and wait for the first prompt. ``prompt`` is a regular expression for the last line. Raises ToolError."""
        import paramiko

        client = open_client(name, address, port, user, known_hosts=known_hosts, key=key, password=password, timeout=timeout)
        try:
            channel = client.invoke_shell(term="vt100", width=500, height=1000)  # wide and high: no line breaks, no pager
            return cls(name, client, channel, prompt, timeout)
        except paramiko.SSHException as error:
            client.close()
            raise ToolError(say("tools.no_command_line", error=str(error)), where=name, remedy=say("tools.may_open")) from error
        except BaseException:
            client.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def command(self, words: Sequence[str], timeout: float = 30, *, until: str | None = None) -> str:
        """Send one command and return its answer, without echo and prompt; masked.

        ``until``: wait for this regular expression instead of the prompt (a question such as ``\\[y/n\\]``).
        Raises Refused for a word with a line break or other control character, Stopped when no prompt comes, ToolError when
        the device closes the connection.
        """
        line = " ".join(words)
        if re.search(r"[\x00-\x1f\x7f]", line) or any(re.search(r"\s", word) for word in words):
            raise Refused(say("tools.word_blank"), where=self.name, remedy=say("tools.mend_value"))
        try:
            self._channel.sendall(line.encode() + b"\r")
        except OSError as error:
            raise self._gone() from error
        answer = self._until(until or self._prompt, timeout)
        first, _, rest = answer.partition("\n")
        return MASKER((rest if first.strip() == line else answer).strip())

    def _until(self, pattern: str, seconds: float) -> str:
        """The text before the first last line that fits. Line ends are ``\\n``."""
        wanted = re.compile(rf"(?:^|\n)({pattern})$")
        deadline = time.monotonic() + seconds
        text = ""
        while not (found := wanted.search(text)):
            rest = deadline - time.monotonic()
            if rest <= 0:
                raise Stopped(
                    say("tools.no_prompt", seconds=seconds, words=MASKER(text[-200:])),
                    where=self.name,
                    remedy=say("tools.see_console"),
                )
            self._channel.settimeout(rest)
            try:
                data = self._channel.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise self._gone()
            text = _ESCAPES.sub("", text + self._decoder.decode(data)).replace("\r\n", "\n").replace("\r", "")
            if len(text) > MAX_ANSWER:
                raise ToolError(say("tools.endless"), where=self.name, remedy=say("tools.see_console"))
        return text[: found.start(1)]

    def _gone(self) -> ToolError:
        return ToolError(say("tools.device_closed"), where=self.name, remedy=say("tools.connect_again"), retryable=True)
