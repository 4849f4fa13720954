namespace Mooring.Gateway.Telemetry.Geo;

/// <summary>What one loop counts of one country. Written by the loop, read by anyone.</summary>
internal struct CountryTotals
{
    /// <summary>Connections open.</summary>
    public long Connections;

    /// <summary>Connections counted since the start.</summary>
    public long Accepted;

    /// <summary>Bytes from clients.</summary>
    public long Received;

    /// <summary>Bytes to clients.</summary>
    public long Sent;
}
