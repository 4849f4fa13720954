namespace Mooring.Gateway.Listeners;

/// <summary>What a client's connection has beyond its channels, where it has anything: see <see cref="Transport.ChannelFlags.Side"/>.</summary>
internal struct ConnectionSide
{
    /// <summary>Handle of what its PROXY header said; 0: nothing.</summary>
    public int Proxy;

    /// <summary>Of TLS that is passed through: the server that it asked for, behind a byte with its length; null: not kept.</summary>
    public unsafe byte* ServerName;

    /// <summary>Handle of its limits of bandwidth; 0: none.</summary>
    public int Shape;

    /// <summary>Handle of the user and device it is counted for; 0: none.</summary>
    public int Identity;

    /// <summary>Number of its country, from 1 on; 0: not counted.</summary>
    public ushort Country;

    /// <summary>Of a tunnel's visitor: its port's place from 1 on. -1: goes on to another gateway. 0: neither.</summary>
    public int Tunnel;
}
