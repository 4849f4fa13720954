using System.Globalization;

namespace Mooring.Benchmarks.Harness;

/// <summary>What a figure of ours should be. Lower is better in all figures that have one, but for <see cref="AtLeast"/>.</summary>
internal abstract record Goal
{
    /// <summary>Whether <paramref name="ours"/> meets the goal; null where the peer that it is measured by did not run.</summary>
    public abstract bool? Met(double ours, IReadOnlyDictionary<string, double> peers);

    /// <summary>At most <paramref name="factor"/> times the peer's.</summary>
    public static Goal Relative(double factor, string peer) => new RelativeGoal(factor, peer);

    /// <summary>At least <paramref name="factor"/> times the peer's.</summary>
    public static Goal AtLeast(double factor, string peer) => new AtLeastGoal(factor, peer);

    /// <summary>At most <paramref name="most"/>, whatever the peers need.</summary>
    public static Goal Absolute(double most) => new AbsoluteGoal(most);

    /// <summary>Not above any peer.</summary>
    public static Goal NoWorse { get; } = new NoWorseGoal();

    /// <summary>Every one of the goals.</summary>
    public static Goal All(params Goal[] goals) => new AllGoal(goals);

    private static string Text(double number) => number.ToString("0.##", CultureInfo.InvariantCulture);

    private sealed record RelativeGoal(double Factor, string Peer) : Goal
    {
        public override bool? Met(double ours, IReadOnlyDictionary<string, double> peers) =>
            peers.TryGetValue(Peer, out var theirs) ? ours <= Factor * theirs : null;

        public override string ToString() => $"≤ {Text(Factor)}× {Peer}";
    }

    private sealed record AtLeastGoal(double Factor, string Peer) : Goal
    {
        public override bool? Met(double ours, IReadOnlyDictionary<string, double> peers) =>
            peers.TryGetValue(Peer, out var theirs) ? ours >= Factor * theirs : null;

        public override string ToString() => $"≥ {Text(Factor)}× {Peer}";
    }

    private sealed record AbsoluteGoal(double Most) : Goal
    {
        public override bool? Met(double ours, IReadOnlyDictionary<string, double> peers) => ours <= Most;

        public override string ToString() => $"≤ {Text(Most)}";
    }

    private sealed record NoWorseGoal : Goal
    {
        public override bool? Met(double ours, IReadOnlyDictionary<string, double> peers) =>
            peers.Count > 0 ? peers.Values.All(theirs => ours <= theirs) : null;

        public override string ToString() => "≤ every peer";
    }

    private sealed record AllGoal(Goal[] Goals) : Goal
    {
        public override bool? Met(double ours, IReadOnlyDictionary<string, double> peers)
        {
            var met = Goals.Select(goal => goal.Met(ours, peers)).ToArray();
            return met.Contains(false) ? false
                : met.Contains(null) ? null
                : true;
        }

        public override string ToString() => string.Join(", ", Goals.Select(goal => goal.ToString()));
    }
}
