using Mooring.Gateway.Draining;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Scaling;

/// <summary>The fleet's rate, second by second, over all gateways together: the operator's shares and the gateways' own pacers, with a network between them.</summary>
public sealed class PaceOverAllTests
{
    private const double Step = 0.01;

    /// <summary>Orders and reports take their time, processes stand still, gateways begin to drain and are done, at any moment.</summary>
    [Theory]
    [InlineData(100, 6, 0)]
    [InlineData(100, 9, 1)]
    [InlineData(40, 3, 0)]
    [InlineData(250, 20, 0.5)]
    [InlineData(5, 1, 0)]
    [InlineData(1, 4, 0)]
    public void AnySecond_HasNoMoreClosesThanTheRate(int rate, int gateways, double jitter)
    {
        for (var seed = 0; seed < 15; seed++)
        {
            var closes = Run(seed, rate, gateways, TimeSpan.FromSeconds(jitter));
            closes.Count.ShouldBe(gateways * rate * 2, $"seed {seed}: not all were told to go");
            var (most, at) = MostInASecond(closes);
            most.ShouldBeLessThanOrEqualTo(rate, $"seed {seed}: {most} in the second from {at:f2}");
        }
    }

    private static List<double> Run(int seed, int rate, int gateways, TimeSpan jitter)
    {
        var random = new Random(seed);
        var all = Enumerable
            .Range(0, gateways)
            .Select(number => new Drained($"g{number}", 2 * rate, random.NextDouble() * 3, new Random(seed + number), jitter))
            .ToList();
        var closes = new List<double>();
        for (var now = 0.0; now < (gateways * 6) + 60 && all.Exists(static one => one.Left > 0 || one.Seen.Left > 0); now += Step)
        {
            foreach (var one in all)
            {
                closes.AddRange(Enumerable.Repeat(now, one.Live(now)));
            }

            Operate(all, rate, now);
        }

        return closes;
    }

    /// <summary>What the operator does with what it sees; a pace that was not confirmed is not followed by another.</summary>
    private static void Operate(List<Drained> all, double rate, double now)
    {
        var draining = all.Where(one => now >= one.Begins).ToList();
        var shares = PaceShares.Divide(
            [
                .. draining.Select(static one => new PacedGateway(
                    one.Name,
                    one.Seen.Left,
                    one.Seen.Left == 0 ? 0 : Math.Max(one.IsConfirmed ? 0 : one.Told, one.Seen.Pace),
                    one.IsConfirmed
                )),
            ],
            rate
        );
        foreach (var one in draining.Where(static one => one.IsConfirmed))
        {
            var share = shares.GetValueOrDefault(one.Name, 0.0001);
            if (Math.Abs(share - one.Told) > 0.02 * Math.Max(share, one.Told))
            {
                one.Tell(share, now);
            }
        }
    }

    private static (int Most, double From) MostInASecond(List<double> closes)
    {
        var worst = (Most: 0, From: 0.0);
        for (var (first, last) = (0, 0); last < closes.Count; last++)
        {
            while (closes[last] - closes[first] >= 1 - (Step / 2))
            {
                first++;
            }

            worst = last - first + 1 > worst.Most ? (last - first + 1, closes[first]) : worst;
        }

        return worst;
    }

    /// <summary>A gateway that drains, and what the operator knows of it.</summary>
    private sealed class Drained(string name, int left, double begins, Random random, TimeSpan jitter)
    {
        private readonly ClosePacer _pacer = new(random);
        private readonly Queue<(double At, double Pace, int Number)> _orders = new();
        private readonly Queue<(double At, double Pace, int Left, int Number)> _reports = new();
        private (double Pace, int Number) _inForce = (0.0001, 0);
        private double _next;
        private int _onTheWay;
        private int _told;
        private bool _started;

        public string Name => name;

        public double Begins => begins;

        public int Left { get; private set; } = left;

        public double Told { get; private set; } = 0.0001;

        public (double Pace, int Left, int Number) Seen { get; private set; } = (0, left, 0);

        public bool IsConfirmed => Seen.Number == _told;

        public void Tell(double pace, double now)
        {
            (Told, _told) = (pace, _told + 1);
            _orders.Enqueue((Later(now, _orders.Count > 0 ? _orders.Last().At : 0), pace, _told));
        }

        /// <summary>One step of its life. Returns how many closes leave in it.</summary>
        public int Live(double now)
        {
            while (_reports.TryPeek(out var report) && report.At <= now)
            {
                _reports.Dequeue();
                Seen = (report.Pace, report.Left, report.Number);
            }

            if (now < begins || now < _next)
            {
                return 0;
            }

            if (!_started)
            {
                _started = true;
                _pacer.Restart(TimeSpan.FromSeconds(now));
            }

            // What was decided before it stood still.
            var sent = _onTheWay;
            if (sent > 0)
            {
                _onTheWay = 0;
                _pacer.Sent(TimeSpan.FromSeconds(now));
            }

            while (_orders.TryPeek(out var order) && order.At <= now)
            {
                _orders.Dequeue();
                _inForce = (order.Pace, order.Number);
            }

            var count = _pacer.Take(TimeSpan.FromSeconds(now), Left, _inForce.Pace, jitter);
            Left -= count;
            var stands = random.Next(40) == 0;
            (_onTheWay, _next) = stands ? (count, now + random.NextDouble()) : (0, now + 0.02);
            if (!stands)
            {
                sent += count;
                _pacer.Sent(TimeSpan.FromSeconds(now));
                _reports.Enqueue((Later(now, _reports.Count > 0 ? _reports.Last().At : 0), _inForce.Pace, Left, _inForce.Number));
            }

            return sent;
        }

        // Messages keep their order.
        private double Later(double now, double last) => Math.Max(last, now + (random.NextDouble() * 0.1));
    }
}
