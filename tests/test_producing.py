import pytest

from monitor.embedded import free_port
from monitor.errors import UserError
from monitor.producing import ensure_topics, sender
from schemas.topics import TOPICS


@pytest.mark.parametrize("broker", ["127.0.0.1:{port}", "nonsense", "127.0.0.1:no"])
def test_no_broker_is_one_sentence_that_says_what_to_do(broker: str) -> None:
    address = broker.format(port=free_port())
    with pytest.raises(UserError, match="VIGIL_BROKER"):
        ensure_topics(address, TOPICS, 1)
    with pytest.raises(UserError, match="VIGIL_BROKER"), sender(address, "test"):
        pass
