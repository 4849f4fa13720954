// Hot path: per connection and read, where countries are counted.
using Mooring.Gateway.Telemetry.Geo;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Counts one loop's connections and bytes by country. A connection is looked up once, when its client is known.</summary>
/// <remarks>A small cache spares the look-up for clients that come again; it takes one entry of a fixed number for each, and forgets on a clash.</remarks>
internal sealed unsafe class CountryCounter(RelayLoop loop)
{
    private const int CacheBits = 12;

    private GeoDatabase? _database;
    private CountryTotals[]? _totals;
    private (ulong Client, int Index)[] _cache = [];

    /// <summary>Countries are asked for.</summary>
    public bool IsOn { get; private set; }

    /// <summary>Look-ups that went to the database.</summary>
    public long Lookups { get; private set; }

    /// <summary>By number of <see cref="CountryNames"/>; null until the first time that countries are asked for.</summary>
    public CountryTotals[]? Totals => Volatile.Read(ref _totals);

    /// <summary>Changes to another database, none (all is unknown), or stops to count new connections.</summary>
    public void Use(bool isOn, GeoDatabase? database)
    {
        (IsOn, _database) = (isOn, database);
        _cache = database is null ? [] : new (ulong, int)[1 << CacheBits];
        if (isOn && _totals is null)
        {
            Volatile.Write(ref _totals, new CountryTotals[CountryNames.Count]);
        }
    }

    /// <summary>A client is known.</summary>
    public void Opened(int descriptor, Channel* client) =>
        loop.Sides.Claim(descriptor, client)->Country = Entered(client->Address, isNew: true);

    /// <summary>A connection or flow is here. Returns what tells its country: its number plus one.</summary>
    /// <param name="address">Its client.</param>
    /// <param name="isNew">Not one that left this loop a moment ago.</param>
    public ushort Entered(NetworkAddress address, bool isNew)
    {
        var index = Find(address);
        ref var totals = ref _totals![index];
        totals.Connections++;
        totals.Accepted += isNew ? 1 : 0;
        return (ushort)(index + 1);
    }

    /// <summary>Takes back <see cref="Entered"/>; nothing for 0.</summary>
    public void Left(ushort country)
    {
        if (country != 0)
        {
            _totals![country - 1].Connections--;
        }
    }

    /// <summary>Bytes were read from a client or its upstream.</summary>
    public void Count(int descriptor, int count, bool fromClient)
    {
        if (loop.Engine.Sides[descriptor]->Country is var country and not 0)
        {
            CountBytes(country, count, fromClient);
        }
    }

    /// <summary>As the other, of what <see cref="Entered"/> returned.</summary>
    public void CountBytes(ushort country, long count, bool fromClient)
    {
        if (fromClient)
        {
            _totals![country - 1].Received += count;
        }
        else
        {
            _totals![country - 1].Sent += count;
        }
    }

    private int Find(NetworkAddress address)
    {
        if (_database is null)
        {
            return 0;
        }

        var client = address.ClientKey;
        ref var entry = ref _cache[(int)((client * 0x9E37_79B9_7F4A_7C15) >> (64 - CacheBits))];
        if (entry.Client != client)
        {
            Lookups++;
            entry = (client, CountryNames.IndexOf(_database.CountryOf(address)));
        }

        return entry.Index;
    }
}
