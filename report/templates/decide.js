// The rules of `vlmeter.decision.choose`, for the page: a test holds the two equal.
// decide(contest, limits) takes an unpacked contest and its `Limits`, and returns a `Decision` in
// which the place of a candidate stands for its cell.

// Returns a contest of `vlmeter.reporting.packed_contests` with candidates that have fields.
function unpack(contest) {
  "use strict";
  const readCost = (cost) => cost && {value: cost[0], log: cost[1], reach: cost[2]};
  const readQuality = (own) => own && {value: own[0], below: own[1], above: own[2]};
  const candidates = contest.candidates.map(
    ([nearness, latency, sampleTime, energy, memory, quality, disturbed], cell) => ({
      cell, nearness, memory_gb: memory, disturbed: Boolean(disturbed),
      latency: readCost(latency), sample_time: readCost(sampleTime), energy: readCost(energy),
      quality: readQuality(quality),
    }));
  return {...contest, candidates};
}

function decide(contest, limits) {
  "use strict";
  const costs = {latency: "latency", throughput: "sample_time", energy: "energy"};

  function listMisses(it, withQuality) {
    const values = {
      max_latency_s: it.latency && it.latency.value,
      max_memory_gb: it.memory_gb,
      max_energy_j: it.energy && it.energy.value,
    };
    const misses = [];
    for (const [limit, value] of Object.entries(values)) {
      const bound = limits[limit];
      if (bound !== null && (value === null || value > bound)) misses.push({limit, value, bound});
    }
    const floor = limits.min_quality;
    if (withQuality && floor !== null) {
      const sign = contest.higher_is_better ? 1 : -1, value = it.quality && it.quality.value;
      if (value === null || sign * value < sign * floor)
        misses.push({limit: "min_quality", value, bound: floor});
    }
    return misses;
  }

  // A score is less for a better candidate; a reach is null where it was not seen.
  function scoreQuality(it) {
    const {value, below, above} = it.quality;
    return contest.higher_is_better
      ? {it, score: -value, below: above, above: below}
      : {it, score: value, below, above};
  }
  const scoreCost = (it, cost) => ({it, score: cost.log, below: cost.reach, above: cost.reach});
  const isWorse = (entry, other) =>
    entry.below !== null && other.above !== null &&
    entry.score - other.score > Math.sqrt(entry.below * entry.below + other.above * other.above);
  // Ties of equal scores go to the nearest.
  const findLeast = (list, measure, near) => list.reduce((best, entry) =>
    measure(entry) < measure(best) || (measure(entry) === measure(best) && near(entry) < near(best))
      ? entry : best);
  const findBest = (scored) =>
    findLeast(scored, (entry) => entry.score, (entry) => entry.it.nearness);

  function findBar(inside) {
    const scored = inside.filter((it) => it.quality !== null).map(scoreQuality);
    if (!scored.length) return null;
    const start = scored.find((entry) => entry.it.cell === contest.reference) || findBest(scored);
    const better = scored.filter((entry) => isWorse(start, entry));
    return findBest(better.length ? better : [start]).it;
  }

  function scoreBalance(calm) {
    const totals = calm.map(() => 0), reaches = calm.map(() => 0);
    let counted = false;
    for (const name of Object.values(costs)) {
      if (!calm.length || calm.some((it) => it[name] === null)) continue;
      counted = true;
      const scored = calm.map((it) => scoreCost(it, it[name]));
      const best = findBest(scored);
      const worst = findLeast(scored, (entry) => -entry.score, (entry) => entry.it.nearness);
      if (!isWorse(worst, best)) continue;
      const span = worst.score - best.score;
      scored.forEach((entry, place) => {
        const share = (entry.score - best.score) / span;
        totals[place] += share * share;
        reaches[place] += 2 * share * (entry.below || 0) / span;
      });
    }
    return !counted ? [] : calm.map((it, place) =>
      ({it, score: totals[place], below: reaches[place], above: reaches[place]}));
  }

  function chooseGoal(goal, scored) {
    const best = findBest(scored);
    const tied = scored.filter((entry) => !isWorse(entry, best)).map((entry) => entry.it);
    const nearest = findLeast(tied, (it) => it.nearness, () => 0);
    const others = tied.filter((it) => it !== nearest).map((it) => it.cell);
    return {goal, cell: nearest.cell, best: best.it.cell, tied: others};
  }

  function chooseAll(answering, calm) {
    const scores = {quality: answering.filter((it) => it.quality !== null).map(scoreQuality)};
    for (const [goal, name] of Object.entries(costs))
      scores[goal] = calm.filter((it) => it[name] !== null).map((it) => scoreCost(it, it[name]));
    scores.balance = scoreBalance(calm);
    return Object.entries(scores)
      .filter(([, scored]) => scored.length)
      .map(([goal, scored]) => chooseGoal(goal, scored));
  }

  function findNearest(judged) {
    const measureMiss = ({value, bound}) =>
      value === null || !bound ? Infinity : Math.abs(value - bound) / Math.abs(bound);
    const measure = (it) => Math.max(...listMisses(it, true).map(measureMiss));
    const nearest = findLeast(judged, measure, (it) => it.nearness);
    return {cell: nearest.cell, misses: listMisses(nearest, true)};
  }

  const judged = contest.candidates.filter((it) => it.quality !== null || contest.metric === null);
  const inside = judged.filter((it) => !listMisses(it, false).length);
  const bar = limits.min_quality !== null ? null : findBar(inside);
  const fit = inside.filter((it) => bar === null
    ? !listMisses(it, true).length : !isWorse(scoreQuality(it), scoreQuality(bar)));
  const undisturbed = fit.filter((it) => !it.disturbed);
  const calm = undisturbed.length ? undisturbed : fit;
  const kept = judged.filter((it) => !listMisses(it, true).length);
  const nameOthers = (list, taken) => {
    const left = new Set(taken);
    return list.filter((it) => !left.has(it)).map((it) => it.cell);
  };
  return {
    choices: chooseAll(bar === null ? fit : inside, calm),
    bar: bar && bar.cell,
    worse: bar === null ? [] : nameOthers(inside, fit),
    unjudged: nameOthers(contest.candidates, judged),
    disturbed: nameOthers(fit, calm),
    beyond: nameOthers(judged, kept),
    nearest: kept.length || !judged.length ? null : findNearest(judged),
  };
}
