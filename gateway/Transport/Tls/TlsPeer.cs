using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>What is known of a client by its TLS. For the thread that owns the <c>SSL</c>; spans are OpenSSL's, and good while the connection lives.</summary>
internal static unsafe class TlsPeer
{
    /// <summary>Longest common name that is taken; X.520 has 64 characters.</summary>
    public const int MaxCommonName = 255;

    /// <summary>The server that it asked for; empty: none.</summary>
    public static ReadOnlySpan<byte> ServerName(nint ssl) => Text(OpenSsl.ServerName(ssl, 0));

    /// <summary>The protocol that was agreed on; empty: none.</summary>
    public static ReadOnlySpan<byte> Alpn(nint ssl)
    {
        byte* protocol = null;
        uint length = 0;
        OpenSsl.SelectedProtocol(ssl, &protocol, &length);
        return new ReadOnlySpan<byte>(protocol, (int)length);
    }

    /// <summary>As OpenSSL and HAProxy name it.</summary>
    public static ReadOnlySpan<byte> Version(nint ssl) => OpenSsl.Version(ssl) == SslVersion.Tls13 ? "TLSv1.3"u8 : "TLSv1.2"u8;

    /// <summary>OpenSSL's name of the cipher; empty before there is one.</summary>
    public static ReadOnlySpan<byte> Cipher(nint ssl)
    {
        var cipher = OpenSsl.Cipher(ssl);
        return cipher == 0 ? [] : Text(OpenSsl.CipherName(cipher));
    }

    /// <summary>It has presented a certificate, over this connection or the one whose session it resumes.</summary>
    public static bool HasCertificate(nint ssl) => OpenSsl.PeerCertificate(ssl) != 0;

    /// <summary>The first common name of its certificate, in UTF-8; 0 where there is none.</summary>
    /// <remarks>One that is longer, or has control characters, is no name of anybody: a part of it could be another's.</remarks>
    /// <param name="ssl">The connection.</param>
    /// <param name="destination">Of <see cref="MaxCommonName"/> bytes.</param>
    /// <returns>Its length.</returns>
    public static int CommonName(nint ssl, Span<byte> destination)
    {
        const int CommonNameKind = 13;
        var certificate = OpenSsl.PeerCertificate(ssl);
        if (certificate == 0)
        {
            return 0;
        }

        var subject = OpenSsl.SubjectName(certificate);
        var index = OpenSsl.NameIndex(subject, CommonNameKind, -1);
        if (index < 0)
        {
            return 0;
        }

        byte* text = null;
        var length = OpenSsl.ToUtf8(&text, OpenSsl.NameText(OpenSsl.NameEntry(subject, index)));
        if (length < 0)
        {
            OpenSsl.ClearErrors();
            return 0;
        }

        var name = new ReadOnlySpan<byte>(text, length);
        var good = length <= destination.Length && !name.ContainsAnyInRange((byte)0, (byte)31) && !name.Contains((byte)127);
        if (good)
        {
            name.CopyTo(destination);
        }

        OpenSsl.FreeText(text, 0, 0);
        return good ? length : 0;
    }

    private static ReadOnlySpan<byte> Text(byte* text) => text == null ? [] : MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text);
}
