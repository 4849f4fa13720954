using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Telemetry.Geo;

/// <summary>Adds up what the loops count by country, while they count.</summary>
internal static class CountryReader
{
    public static IReadOnlyList<CountryLoad> Read(IReadOnlyList<RelayLoop> loops)
    {
        if (loops.All(loop => loop.Countries.Totals is null))
        {
            return [];
        }

        var sums = new CountryTotals[CountryNames.Count];
        foreach (var totals in loops.Select(loop => loop.Countries.Totals).OfType<CountryTotals[]>())
        {
            for (var i = 0; i < sums.Length; i++)
            {
                sums[i].Connections += Volatile.Read(ref totals[i].Connections);
                sums[i].Accepted += Volatile.Read(ref totals[i].Accepted);
                sums[i].Received += Volatile.Read(ref totals[i].Received);
                sums[i].Sent += Volatile.Read(ref totals[i].Sent);
            }
        }

        return
        [
            .. sums.Index()
                .Where(one => one.Item.Accepted > 0)
                .Select(one => new CountryLoad
                {
                    Country = CountryNames.Of(one.Index),
                    Connections = one.Item.Connections,
                    AcceptedTotal = one.Item.Accepted,
                    ReceivedBytesTotal = one.Item.Received,
                    SentBytesTotal = one.Item.Sent,
                }),
        ];
    }
}
