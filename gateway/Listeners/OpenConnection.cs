namespace Mooring.Gateway.Listeners;

/// <summary>One open connection, as it was when listed.</summary>
/// <param name="Loop">Number of the loop that has it.</param>
/// <param name="Descriptor">The client's; with <paramref name="Started"/> the connection's name.</param>
/// <param name="Started">Microseconds of the monotonic clock at accept.</param>
/// <param name="Listener">Index of the listener.</param>
/// <param name="IsWebSocket">Has been upgraded, or is a tunnel's control connection: may be told to come again, and closed by a drain at its pace.</param>
internal readonly record struct OpenConnection(int Loop, int Descriptor, long Started, ushort Listener, bool IsWebSocket);

/// <summary>A listener that a config has taken away.</summary>
/// <param name="Index">As channels know it.</param>
/// <param name="Before">Its connections are those that were accepted before, in microseconds of the monotonic clock.</param>
internal readonly record struct GoneListener(ushort Index, long Before);

/// <summary>How to close connections.</summary>
/// <param name="Reason">For the access log.</param>
/// <param name="WebSocket">
/// Code and reason of a close frame to both ends of an upgraded connection, each at the next boundary between two frames; the connection
/// ends when both have answered, 5 s later at the latest. Null: closed at once with RST, as connections that were not upgraded always are.
/// </param>
internal sealed record CloseOrder(CloseReason Reason, WebSocketClose? WebSocket);

/// <param name="Code">Close code that may be sent.</param>
/// <param name="Text">At most 123 bytes of UTF-8.</param>
internal sealed record WebSocketClose(int Code, string Text);
