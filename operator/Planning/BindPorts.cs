using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Chooses the ports that gateways bind in their pods.</summary>
internal static class BindPorts
{
    /// <summary>Port of the gateway's health and metrics in its pod.</summary>
    public const int Admin = 9090;

    /// <summary>The lowest port that needs no privilege, where a pod does not say another.</summary>
    public const int Privileged = 1024;

    private const int Step = 10_000;

    /// <summary>The port that a listener binds in its pod.</summary>
    public static int Of(Contracts.Configuration.ListenerConfig listener) => listener.BindPort == 0 ? listener.Port : listener.BindPort;

    /// <inheritdoc cref="Choose(IEnumerable{int}, Func{int, bool})"/>
    public static IReadOnlyDictionary<int, int> Choose(IReadOnlyList<ListenerSpec> listeners)
    {
        var ranges = listeners.Select(listener => listener.Tunnel?.PortRange).OfType<PortRangeSpec>().ToList();
        return Choose(
            listeners.Select(listener => listener.Port),
            ranges.Count == 0 ? null : port => ranges.Exists(range => port >= range.Start && port <= range.End)
        );
    }

    /// <summary>
    /// The port to bind for each port that clients use: the same where that needs no privilege and is not the admin port, and else the first free of 10,000
    /// more, 20,000 more and so on, so that 443 becomes 10443.
    /// </summary>
    /// <remarks>
    /// Depends on the set alone, not its order. A port that needs none moved never moves another's owner. Where tunnels' ranges leave no port to move to, a port
    /// stays where it is: no such fleet is valid.
    /// </remarks>
    /// <param name="ports">The listeners'.</param>
    /// <param name="reserved">Ports that none may move to: tunnels' own; null: there are none.</param>
    public static IReadOnlyDictionary<int, int> Choose(IEnumerable<int> ports, Func<int, bool>? reserved = null)
    {
        var all = ports.Distinct().Order().ToList();
        var chosen = all.Where(port => !IsMoved(port)).ToDictionary(port => port);
        var taken = chosen.Keys.Append(Admin).ToHashSet();
        foreach (var port in all.Where(IsMoved))
        {
            chosen[port] = port;
            foreach (var bind in Candidates(port).Where(bind => reserved?.Invoke(bind) != true && taken.Add(bind)).Take(1))
            {
                chosen[port] = bind;
            }
        }

        return chosen;
    }

    /// <summary>The port needs privilege, or is the admin's: it is bound as another.</summary>
    public static bool IsMoved(int port) => port is < Privileged or Admin;

    private static IEnumerable<int> Candidates(int port)
    {
        var bind = port + Step;
        for (var i = 0; i <= ushort.MaxValue; i++)
        {
            if (bind <= ushort.MaxValue)
            {
                yield return bind;
            }

            // Beyond the end, the next from 10,000 up: without tunnels' ranges, 64 listeners cannot take them all.
            bind = bind + Step > ushort.MaxValue ? (bind % Step) + Step + 1 : bind + Step;
        }

        for (bind = Privileged; bind < Step; bind++)
        {
            yield return bind;
        }
    }
}
