"""A detector of your own: images in which nothing can be seen."""

from dataclasses import dataclass

from curate.findings import Evidence, Findings


@dataclass(frozen=True)
class Dark:
    """Dark images: the mean grey (0 black, 1 white) is the score; below `darkest` it is a finding.

    Not a judgement of the exposure: a photograph of the night sky is dark and as it should be.
    The class is all that there is to write; `pyproject.toml` beside it makes it known.
    """

    darkest: float = 0.1
    kind, needs, views, version = "dark", ("image_stats",), (), 1

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by its brightness."""
        score = evidence.image_stats["brightness"].to_numpy()
        reason = [f"mean brightness {b:.2f}, below {self.darkest}" for b in score]
        return Findings.build(self.kind, evidence, score, score < self.darkest, reason=reason)
