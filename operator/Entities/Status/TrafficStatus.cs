using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities.Status;

[Description("What the clients of all gateways send and get, as the gateways' last reports say.")]
public sealed record BandwidthStatus
{
    [Description("Bits per second from clients.")]
    public long ReceivedBitsPerSecond { get; set; }

    [Description("Bits per second to clients.")]
    public long SentBitsPerSecond { get; set; }
}

[Description("Reverse tunnels of all gateways.")]
public sealed record TunnelsStatus
{
    [Description("Open, also those that are kept for a client that is away for a moment.")]
    public int Open { get; set; }

    [Description("What the serving gateways take.")]
    public int Capacity { get; set; }
}
