namespace Mooring.Operator.Planning;

/// <summary>Chooses the ports that gateways bind in their pods.</summary>
internal static class BindPorts
{
    /// <summary>Port of the gateway's health and metrics in its pod.</summary>
    public const int Admin = 9090;

    private const int Privileged = 1024;
    private const int Step = 10_000;

    /// <summary>The port that a listener binds in its pod.</summary>
    public static int Of(Contracts.Configuration.ListenerConfig listener) => listener.BindPort == 0 ? listener.Port : listener.BindPort;

    /// <summary>
    /// The port to bind for each port that clients use: the same where that needs no privilege and is not the admin port, and else the first free of 10,000
    /// more, 20,000 more and so on, so that 443 becomes 10443.
    /// </summary>
    /// <remarks>Depends on the set alone, not its order. A port that needs none moved never moves another's owner.</remarks>
    public static IReadOnlyDictionary<int, int> Choose(IEnumerable<int> ports)
    {
        var all = ports.Distinct().Order().ToList();
        var chosen = all.Where(port => port is >= Privileged and not Admin).ToDictionary(port => port);
        var taken = chosen.Keys.Append(Admin).ToHashSet();
        foreach (var port in all.Where(port => !chosen.ContainsKey(port)))
        {
            var bind = port + Step;
            while (bind > ushort.MaxValue || !taken.Add(bind))
            {
                // Beyond the end, the next free one from 10,000 up: 64 listeners cannot take them all.
                bind = bind + Step > ushort.MaxValue ? (bind % Step) + Step + 1 : bind + Step;
            }

            chosen[port] = bind;
        }

        return chosen;
    }
}
