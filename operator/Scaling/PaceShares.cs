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
/// A gateway without a share yet is not to begin. Small shares are whole numbers, since a gateway closes whole connections: at 1.5 a second it closes two in
/// some seconds, and so may all the others in the same. Where there is not one a second for each, some wait until others are done.
/// </remarks>
public static class PaceShares
{
    // Less is not worth a message, and 0 would mean the config's own pace.
    private const double Least = 0.01;

    // From here on a gateway's pacer, which lets a tenth of a second's closes through at once, keeps a share that is no whole number too.
    private const double Fractions = 11;

    /// <summary>The pace of each, by name, in closes per second; one that is missing has nothing to close, or has to wait.</summary>
    public static IReadOnlyDictionary<string, double> Divide(IReadOnlyList<PacedGateway> gateways, double rate)
    {
        var shares = new Dictionary<string, double>(StringComparer.Ordinal);
        var fair = Fair(gateways, rate);
        var committed = gateways.Sum(static gateway => gateway.InForce);
        foreach (
            var gateway in gateways
                .Where(gateway => fair.ContainsKey(gateway.Name))
                .OrderByDescending(gateway => gateway.InForce - fair[gateway.Name])
                .ThenBy(static gateway => gateway.Name, StringComparer.Ordinal)
        )
        {
            var share = fair[gateway.Name];
            if (gateway.InForce < share)
            {
                // Its own present pace is part of what is committed.
                share = gateway.Confirmed ? Math.Min(share, gateway.InForce + Math.Max(0, rate - committed)) : gateway.InForce;
                committed += Math.Max(0, share - gateway.InForce);
            }

            if (share >= Least)
            {
                shares.Add(gateway.Name, share);
            }
        }

        return shares;
    }

    /// <summary>What each is to have in the end. Those that have something already come first, so that it need not change hands.</summary>
    private static Dictionary<string, double> Fair(IReadOnlyList<PacedGateway> gateways, double rate)
    {
        var busy = gateways
            .Where(static gateway => gateway.Connections > 0)
            .OrderByDescending(static gateway => gateway.InForce)
            .ThenBy(static gateway => gateway.Name, StringComparer.Ordinal)
            .ToList();
        if (busy.Count <= 1 || rate / busy.Count >= Fractions)
        {
            return busy.ToDictionary(static gateway => gateway.Name, _ => rate / busy.Count, StringComparer.Ordinal);
        }

        if (rate < 2)
        {
            return new Dictionary<string, double>(StringComparer.Ordinal) { [busy[0].Name] = rate };
        }

        var (each, more) = Math.DivRem((int)rate, Math.Min(busy.Count, (int)rate));
        return busy.Take((int)rate)
            .Select((gateway, index) => (gateway.Name, Share: (double)(index < more ? each + 1 : each)))
            .ToDictionary(static pair => pair.Name, static pair => pair.Share, StringComparer.Ordinal);
    }
}
