using System.Text;

namespace Mooring.Gateway.Hub.Protocol;

/// <summary>Reasons in close frames that others have chosen.</summary>
internal static class DisconnectReason
{
    /// <summary>RFC 6455 §5.5: a close frame has 125 bytes, of which the code takes 2.</summary>
    public const int MaxBytes = 123;

    /// <summary>Fits a close frame, and no client takes it for JSON: centrifuge-js would read orders in it.</summary>
    public static bool IsPlain(string reason) =>
        Encoding.UTF8.GetByteCount(reason) <= MaxBytes && !HubCodec.Json.CanCarry(Encoding.UTF8.GetBytes(reason));
}
