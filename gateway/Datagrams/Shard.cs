namespace Mooring.Gateway.Datagrams;

/// <summary>A socket that clients' datagrams come in and answers go out by, as its loop knows it.</summary>
internal sealed class Shard
{
    public required int Descriptor { get; init; }

    /// <summary>What a flow knows of it.</summary>
    public required int Number { get; init; }

    public required int Family { get; init; }

    /// <summary>Datagrams say which address they were sent to, and answers which one they come from.</summary>
    public required bool Wildcard { get; init; }

    /// <summary>Null: of one flow alone, connected to its client.</summary>
    public DatagramSocket? Socket { get; init; }

    public required ushort Listener { get; set; }

    /// <summary>Of a pin: its flow.</summary>
    public int Flow { get; init; }

    public bool IsPin => Socket is null;
}
