namespace Mooring.Contracts.Handover;

/// <summary>One received message with the sockets that came with it.</summary>
/// <remarks>Owns the sockets: disposing closes each that <see cref="DescriptorHandle.Release"/> has not given away.</remarks>
public sealed class HandoverSet(HandoverMessage message, IReadOnlyList<DescriptorHandle> sockets) : IDisposable
{
    public HandoverMessage Message { get; } = message;

    /// <summary>Socket <c>i</c> belongs to listener <c>i</c> of <see cref="Message"/>. Close-on-exec is set on each.</summary>
    public IReadOnlyList<DescriptorHandle> Sockets { get; } = sockets;

    public void Dispose()
    {
        foreach (var socket in Sockets)
        {
            socket.Dispose();
        }
    }
}
