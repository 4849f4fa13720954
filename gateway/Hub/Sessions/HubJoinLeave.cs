using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Somebody has joined or left, on its way to subscribers. Encoded once for each encoding. Thread-safe.</summary>
internal sealed class HubJoinLeave(string channel, bool joined, ClientInfo info)
{
    private byte[]? _json;
    private byte[]? _protobuf;
    private CompressedForms _compressed;

    public string Channel { get; } = channel;

    /// <summary>The whole WebSocket frame as that client gets it.</summary>
    public byte[] Frame(HubSession session)
    {
        var plain = Frame(session.Codec);
        return session.WindowBits == 0 ? plain : session.Loop.Compression.Frame(session, plain, ref _compressed);
    }

    private byte[] Frame(HubCodec codec)
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
