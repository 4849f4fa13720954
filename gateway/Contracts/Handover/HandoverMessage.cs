using Mooring.Contracts.Configuration;

namespace Mooring.Contracts.Handover;

/// <summary>The listening sockets that a process may accept on; descriptor <c>i</c> of the message belongs to listener <c>i</c>.</summary>
/// <remarks>
/// In the form of <see cref="DescriptorReader"/>, as JSON. One message, or several where there are more than 253, hold the complete set: a
/// listener that is missing from it is to be let go (its socket closed here, never shut down, since every process shares one open file
/// description).
/// </remarks>
public sealed record HandoverMessage
{
    /// <summary>Rises by at least one with each message of one owner.</summary>
    public required long Sequence { get; init; }

    /// <summary>On the wire at most <see cref="HandoverLimits.MaxDescriptors"/>, in all at most <see cref="HandoverLimits.MaxListeners"/>.</summary>
    public IReadOnlyList<HandoverListener> Listeners { get; set; } = [];

    /// <summary>The set goes on in the next message.</summary>
    public bool More { get; init; }
}

/// <summary>What a handed socket is for.</summary>
public sealed record HandoverListener
{
    /// <summary>The name of the <see cref="ListenerConfig"/> that it serves. 1 to 63 characters.</summary>
    public required string Name { get; init; }

    /// <summary>UDP means a datagram socket; all else a listening stream socket.</summary>
    public required ListenerProtocol Protocol { get; init; }

    /// <summary>Local IP address that the socket is bound to.</summary>
    public required string Address { get; init; }

    /// <summary>Local port that the socket is bound to, 1 to 65535.</summary>
    public required int Port { get; init; }
}

/// <summary>Bounds of a handover message.</summary>
public static class HandoverLimits
{
    /// <summary>Descriptors at most in one message: SCM_MAX_FD of the Linux kernel.</summary>
    public const int MaxDescriptors = 253;

    /// <summary>Listeners at most in one set, over all its messages.</summary>
    public const int MaxListeners = 4096;

    /// <summary>JSON at most in one message, in bytes: room for 253 listeners of 250 bytes each.</summary>
    public const int MaxMessageBytes = 64 * 1024;
}
