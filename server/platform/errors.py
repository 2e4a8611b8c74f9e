"""Refusals: what a person asked for and cannot have, as types with a stable code (RFC 9457)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


def later(text: str) -> str:
    """Mark `text` for the catalogue; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Said:
    """Words with facts in them, kept apart until they are shown: then in the language of who reads."""

    words: str
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def text(self, gettext: Callable[[str], str]) -> str:
        return gettext(self.words).format(**self.facts)


class Refusal(Exception):
    """Raised to undo the transaction and answer in plain words; never logged as a fault."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    sentence: ClassVar[str] = later("Không thực hiện được việc này.")

    def __init__(self, **facts: str | int | Sequence[Said]) -> None:
        super().__init__(self.code)
        self.facts = facts

    def text(self, gettext: Callable[[str], str]) -> str:
        """The sentence for the screen: what is so and what to do."""
        told = {name: _told(fact, gettext) for name, fact in self.facts.items()}
        return gettext(self.sentence).format(**told)


def _told(fact: str | int | Sequence[Said], gettext: Callable[[str], str]) -> str | int:
    if isinstance(fact, str | int):
        return fact
    return ", ".join(one.text(gettext) for one in fact)


class NotFound(Refusal):
    """No such thing, or not yours: the two look alike on purpose."""

    code = "not-found"
    status = 404
    sentence = later("Không tìm thấy trang hoặc hồ sơ này. Kiểm tra lại đường dẫn hoặc về trang chính.")


class NotAllowed(Refusal):
    """Yours to see, but not yours to do."""

    code = "not-allowed"
    status = 403
    sentence = later("Vai trò của bạn không được làm việc này. Hãy nhờ người phụ trách của bệnh viện.")


class SignInNeeded(Refusal):
    code = "sign-in-needed"
    status = 401
    sentence = later("Phiên đăng nhập đã hết. Hãy đăng nhập lại, nội dung đang viết vẫn còn trên trang.")


class ForeignOrigin(Refusal):
    code = "foreign-origin"
    status = 403
    sentence = later("Yêu cầu đến từ một trang khác nên bị từ chối. Hãy tải lại trang rồi thử lại.")


class TooMany(Refusal):
    code = "too-many"
    status = 429
    sentence = later("Quá nhiều lần thử. Hãy đợi {seconds} giây rồi thử lại.")


class TooLarge(Refusal):
    code = "too-large"
    status = 413
    sentence = later("Tệp hoặc nội dung quá lớn (giới hạn {limit}).")


class Stale(Refusal):
    """Somebody else saved in between."""

    code = "stale"
    status = 409
    sentence = later("Hồ sơ vừa được người khác thay đổi. Hãy tải lại trang, xem thay đổi rồi làm lại.")


class Invalid(Refusal):
    """Fields that cannot be taken; `fields` maps each to a sentence."""

    code = "invalid"
    status = 422
    sentence = later("Có mục chưa đúng. Hãy sửa các mục được đánh dấu rồi gửi lại.")

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__()
        self.fields = dict(fields)
