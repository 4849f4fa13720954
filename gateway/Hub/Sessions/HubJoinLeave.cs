using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Somebody has joined or left, on its way to subscribers. Encoded once for each encoding. Thread-safe.</summary>
internal sealed class HubJoinLeave(string channel, bool joined, ClientInfo info)
{
    private byte[]? _json;
    private byte[]? _protobuf;

    public string Channel { get; } = channel;

    public byte[] Frame(HubCodec codec)
    {
        ref var frame = ref codec == HubCodec.Json ? ref _json : ref _protobuf;
        if (Volatile.Read(ref frame) is { } known)
        {
            return known;
        }

        var message = codec.PushPresence(Channel, joined, info);
        var made = new byte[ServerFrame.SizeOf(message.Length)];
        ServerFrame.Write(made, codec.Opcode, message, compressed: false);
        return Interlocked.CompareExchange(ref frame, made, null) ?? made;
    }
}
