import logging

from keras_fool.serving.server import short_log


def test_one_short_line_a_minute_and_no_traceback():
    now, told = [0.0], []
    logger = logging.getLogger("tests.short_log")
    logger.propagate = False
    logger.addHandler(short_log.ShortLog(told.append, lambda: now[0]))

    for number in range(1000):
        now[0] = number / 10  # of a second
        try:
            raise ValueError("x\x1b[2J\n" * 1000)
        except ValueError:
            logger.exception("bad request from %s", "1.2.3.4")

    assert len(told) == 2
    assert told[0].startswith("bad request from 1.2.3.4: ValueError: x")
    assert told[1].endswith("(and 599 more before)")
    assert all(len(line) < 300 and line.isprintable() for line in told)
