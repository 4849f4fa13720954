using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>OpenSSL refused something; the message is its own text.</summary>
internal sealed class OpenSslException(string message) : Exception(message)
{
    /// <summary>The first error in this thread's queue, which is the cause, and empties the queue.</summary>
    public static unsafe OpenSslException Take(string what)
    {
        var first = OpenSsl.TakeError();
        OpenSsl.ClearErrors();
        if (first == 0)
        {
            return new OpenSslException(what);
        }

        const int Length = 256;
        var text = stackalloc byte[Length];
        OpenSsl.ErrorText(first, text, Length);
        // error:CODE:library:function:reason
        var whole = Marshal.PtrToStringUTF8((nint)text) ?? "";
        var reason = whole.Split(':') is [.., var last] && last.Length > 0 ? last : whole;
        return new OpenSslException($"{what}: {reason}");
    }
}
