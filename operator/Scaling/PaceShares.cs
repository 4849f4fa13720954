namespace Mooring.Operator.Scaling;

/// <summary>A gateway that closes connections, or could at any moment.</summary>
/// <param name="Name">Unique in the fleet.</param>
/// <param name="Connections">What is left to close.</param>
/// <param name="InForce">Closes per second that it may be doing now at most: what it says, or what it was told and has not confirmed. 0: none.</param>
/// <param name="Confirmed">It has confirmed what it was told last.</param>
public sealed record PacedGateway(string Name, int Connections, double InForce, bool Confirmed);

/// <summary>Divides a fleet's reconnects per second among the gateways that drain. Pure.</summary>
/// <remarks>
/// The sum of what may be in force never grows above the rate: whoever has too much is lowered first, and a raise waits until the others have confirmed.
/// A gateway without a share yet is not to begin.
/// </remarks>
public static class PaceShares
{
    // Less is not worth a message, and 0 would mean the config's own pace.
    private const double Least = 0.01;

    /// <summary>The pace of each, by name, in closes per second; one that is missing has nothing to close, or has to wait.</summary>
    public static IReadOnlyDictionary<string, double> Divide(IReadOnlyList<PacedGateway> gateways, double rate)
    {
        var shares = new Dictionary<string, double>(StringComparer.Ordinal);
        var busy = gateways.Count(static gateway => gateway.Connections > 0);
        var fair = rate / Math.Max(1, busy);
        var committed = gateways.Sum(static gateway => gateway.InForce);
        foreach (
            var gateway in gateways
                .Where(static gateway => gateway.Connections > 0)
                .OrderByDescending(gateway => gateway.InForce - fair)
                .ThenBy(static gateway => gateway.Name, StringComparer.Ordinal)
        )
        {
            var share = fair;
            if (gateway.InForce < fair)
            {
                // Its own present pace is part of what is committed.
                share = gateway.Confirmed ? Math.Min(fair, gateway.InForce + Math.Max(0, rate - committed)) : gateway.InForce;
                committed += Math.Max(0, share - gateway.InForce);
            }

            if (share >= Least)
            {
                shares.Add(gateway.Name, share);
            }
        }

        return shares;
    }
}
