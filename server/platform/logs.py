"""Log lines: plain words at a terminal, one JSON object a line otherwise; facts of ours only."""

import json
import logging
import sys

ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)  # made once: there is a line a request
KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in KNOWN},
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["fault"] = record.exc_info[0].__name__
            line["where"] = self._where(record)
        return ENCODER.encode(line)

    def _where(self, record: logging.LogRecord) -> list[str]:
        """Files and lines only: the text of an exception may hold what a person typed."""
        found, step = [], record.exc_info[2] if record.exc_info else None
        while step is not None:
            code = step.tb_frame.f_code
            found.append(f"{code.co_filename.rpartition('/')[2]}:{step.tb_lineno} {code.co_name}")
            step = step.tb_next
        return found[-8:]


def set_up(*, level: int = logging.INFO) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for loud in ("pynetdicom", "pydicom", "aiosqlite", "alembic", "asyncio"):
        logging.getLogger(loud).setLevel(logging.WARNING)
