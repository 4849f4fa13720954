using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>One command of a client. Spans are of the message it came in; good until the next one is read.</summary>
internal ref struct HubCommand
{
    public uint Id;
    public HubMethod Method;
    public string Channel;

    /// <summary>A JWT, or empty.</summary>
    public string Token;

    /// <summary>As it was sent: JSON, or bytes where the protocol is protobuf.</summary>
    public ReadOnlySpan<byte> Data;

    /// <summary>Of an RPC: the method's name. Of connect: the client's name.</summary>
    public string Name;

    /// <summary>Of connect: the client's version.</summary>
    public string Version;
    public bool Recover;
    public bool Positioned;
    public bool Recoverable;
    public bool JoinLeave;
    public bool Delta;

    /// <summary>Names a kind of delta that this server does not know.</summary>
    public bool UnknownDelta;

    /// <summary>Of subscribe: a tags filter is asked for.</summary>
    public bool HasFilter;

    /// <summary>Bit 2: whoever cannot be recovered gets an error.</summary>
    public long Flag;

    /// <summary>Of subscribe, publish and sub_refresh: the kind of channel; 0: a stream.</summary>
    public long Type;
    public ulong Offset;
    public string Epoch;
    public bool HasSince;
    public long Limit;
    public bool Reverse;

    /// <summary>Of connect: where the client stands in its server-side subscriptions; null: nowhere.</summary>
    public List<KeyValuePair<string, StreamPosition>>? Positions;

    public void Reset()
    {
        this = default;
        Channel = Token = Name = Version = Epoch = "";
    }
}

/// <summary>What reading the next command of a message gave.</summary>
internal enum CommandRead
{
    Command,

    /// <summary>The message has no more.</summary>
    End,

    /// <summary>What is there is no command: the connection is closed with 3501.</summary>
    Invalid,
}
