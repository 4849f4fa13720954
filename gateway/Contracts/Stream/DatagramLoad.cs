namespace Mooring.Contracts.Stream;

/// <summary>The datagrams of a UDP listener. Totals count from the process's start.</summary>
public sealed record DatagramLoad
{
    /// <summary>From clients.</summary>
    public long ReceivedTotal { get; init; }

    /// <summary>To clients.</summary>
    public long SentTotal { get; init; }

    /// <summary>Not passed on, by reason (<c>refused</c>, <c>send_buffer</c>, <c>receive_buffer</c>, <c>unreachable</c>, …).</summary>
    public IReadOnlyDictionary<string, long> DroppedTotal { get; set; } = new Dictionary<string, long>();
}
