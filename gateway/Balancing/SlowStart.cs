// Hot path: per connection to a backend with an endpoint in slow start.
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Balancing;

/// <summary>Lets a new endpoint's share of connections grow evenly, so that one without connections does not get them all. Pure.</summary>
/// <remarks>
/// An endpoint in slow start takes part in a choice only with some probability. Where the policy would give it its fair share anyway
/// (round robin, two drawn at random), that is its progress; where the policy would give the emptiest everything (least connections of
/// few), it is its progress times twice the fair share.
/// </remarks>
internal static class SlowStart
{
    /// <summary>Where it starts: Envoy's <c>min_weight_percent</c>.</summary>
    public const double LeastProgress = 0.1;

    /// <summary>Progress within the window, <see cref="LeastProgress"/> to 1; 1 once it is over.</summary>
    public static double Progress(long started, long now, long window) =>
        window <= 0 || now - started >= window ? 1 : Math.Max(LeastProgress, (double)(now - started) / window);

    /// <summary>Whether an endpoint takes part in this choice.</summary>
    /// <param name="progress">Of the endpoint.</param>
    /// <param name="policy">How it is chosen.</param>
    /// <param name="count">Endpoints to choose from.</param>
    /// <param name="index">The endpoint among them, so that several in slow start are decided apart.</param>
    /// <param name="random">The choice's random bits.</param>
    public static bool Admits(double progress, BalancingPolicy policy, int count, int index, ulong random)
    {
        var chance =
            policy == BalancingPolicy.LeastConnections && count <= LeastConnections.ExactUpTo
                ? progress * Math.Min(1, 2.0 / count)
                : progress;
        // The bits also draw the candidates: mixed, so that the two decisions are independent (the finalizer of SplitMix64).
        var mixed = random + ((ulong)index + 1) * 0x9E37_79B9_7F4A_7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        return (mixed ^ (mixed >> 31)) >> 11 < chance * (1ul << 53);
    }
}
