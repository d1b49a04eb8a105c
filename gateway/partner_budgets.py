"""What its calls cost a partner: charged before anything is executed, told with every answer."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.buckets import Bucket
from gateway.incoming import Incoming
from gateway.limits import MINUTE, Limits
from gateway.over_http import RequestError, rate_limited
from models.partners import Access
from schema import costs
from schema.context import Context
from schema.costs import Charged


@dataclass(frozen=True, slots=True)
class PartnerBudgets:
    """The budgets of a deployment's partners: so many points a minute for each, all its keys."""

    limits: Limits
    points: int

    async def charge(self, request: Incoming, context: Context, access: Access, cost: int) -> None:
        """Charge a call, or raise RequestError; either way it is noted what was asked and is left.

        What costs more than the whole budget is charged as what is none: no waiting would help.
        """
        bucket = Bucket(f"nicgate:budget:partner:{access.partner.id}", self.points, MINUTE)
        level = await self.limits.take(bucket, cost if cost <= self.points else costs.OPERATION)
        reset_at = datetime.now(UTC) + timedelta(seconds=level.full_in)
        charged = Charged(cost, self.points, bucket.remaining(level), reset_at)
        request.charged = context.charged = charged
        if cost > self.points:
            sentence = f"This costs {cost} points, and the budget of a minute is {self.points}."
            raise RequestError(400, sentence)
        if level.waiting:
            raise rate_limited(math.ceil(level.waiting), context.language)
