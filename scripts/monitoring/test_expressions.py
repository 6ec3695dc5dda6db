"""What an expression may ask for; scripts/rules.sh runs it."""

import unittest

from expressions import Mistake, labels

KNOWN = {
    "up": ("gauge", {"job", "instance"}),
    "calls_total": ("counter", {"job", "instance", "event"}),
    "seconds_bucket": ("counter", {"job", "instance", "le"}),
}


class Expressions(unittest.TestCase):
    def gives(self, expression, *expected):
        self.assertEqual(labels(expression, KNOWN), set(expected), expression)

    def refuses(self, expression, words):
        with self.assertRaises(Mistake) as raised:
            labels(expression, KNOWN)
        self.assertIn(words, str(raised.exception))

    def test_labels_of_a_result(self):
        self.gives("up", "job", "instance")
        self.gives("sum(up)")
        self.gives("sum by (job) (up) > bool 0", "job")
        self.gives("sum without (job) (up)", "instance")
        self.gives("topk(2, up)", "job", "instance")
        self.gives("topk(2, sum by (event) (rate(calls_total[5m])))", "event")
        self.gives("histogram_quantile(0.9, sum by (job, le) (rate(seconds_bucket[5m])))", "job")
        self.gives("up > 1 and on (job, instance) rate(calls_total[5m])", "job", "instance")
        self.gives("avg_over_time(up[5m:1m])", "job", "instance")
        self.gives("absent(up == 1)")

    def test_names_that_do_not_exist(self):
        self.refuses("sum(rate(cals_total[5m]))", "no such metric: cals_total")
        self.refuses('up{evnt="x"}', "up has no label evnt")
        self.refuses("sum by (evnt) (rate(calls_total[5m]))", "no label evnt")
        self.refuses("sum by (event) (up)", "no label event")
        self.refuses("up and on (event) rate(calls_total[5m])", "no label event")
        self.refuses("1 + sum(rate(cals_total[5m]))", "no such metric")

    def test_what_makes_no_sense(self):
        self.refuses("calls_total > 1", "a counter, asked for with no function")
        self.refuses("rate(up[5m])", "a gauge, asked for with rate")
        self.refuses("histogram_quantile(0.9, sum by (job) (rate(seconds_bucket[5m])))", "no label le")
        self.refuses("sum by (job) (up) / sum by (instance) (up)", "different labels: instance, job")
        self.refuses("sum(up", "sum(up")


if __name__ == "__main__":
    unittest.main()
