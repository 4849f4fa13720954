using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Datagrams;

/// <summary>Adds up what the loops count of a listener's datagrams, while they count.</summary>
internal static unsafe class DatagramLoads
{
    /// <summary>Null for a listener that had no UDP.</summary>
    public static DatagramLoad? Read(ListenerState listener, IReadOnlyList<RelayLoop> loops, Func<int, long> receiveDrops)
    {
        long received = 0,
            sent = 0;
        var dropped = new long[DropReasons.Count];
        var config = listener.Setup?.Config;
        foreach (var loop in loops)
        {
            if (loop.Datagrams is not { } datagrams)
            {
                continue;
            }

            var totals = datagrams.Counters[listener.Index];
            received += Volatile.Read(ref totals->Received);
            sent += Volatile.Read(ref totals->Sent);
            for (var i = 0; i < dropped.Length; i++)
            {
                dropped[i] += Volatile.Read(ref totals->Dropped[i]);
            }
        }

        if (received == 0 && config?.Protocol != ListenerProtocol.UDP)
        {
            return null;
        }

        dropped[(int)DropReason.ReceiveBuffer] = config is null ? 0 : receiveDrops(config.BindPort);
        return new DatagramLoad
        {
            ReceivedTotal = received,
            SentTotal = sent,
            DroppedTotal = Enum.GetValues<DropReason>()
                .Where(reason => dropped[(int)reason] > 0)
                .ToDictionary(DropReasons.Name, reason => dropped[(int)reason]),
        };
    }
}
