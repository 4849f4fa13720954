using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>Puts certificates into contexts.</summary>
internal static unsafe class SslCertificates
{
    /// <summary>Sets the certificate, its chain and its key, which must belong together.</summary>
    /// <exception cref="OpenSslException">They do not, or one of the files is no good; the message names it.</exception>
    public static void Use(SslContext context, KeyPair pair, CertificateConfig files)
    {
        var first = true;
        ForEach(
            pair.Certificate,
            files.CertificateFile,
            certificate =>
            {
                if (first)
                {
                    first = false;
                    SslContext.Must(OpenSsl.ContextUseCertificate(context.Value, certificate), files.CertificateFile);
                }
                else
                {
                    // 1: the context takes a reference of its own.
                    SslContext.Must(
                        (int)OpenSsl.ContextControl(context.Value, SslControl.ChainCertificate, 1, (void*)certificate),
                        files.CertificateFile
                    );
                }
            }
        );
        UseKey(context, pair, files);
    }

    /// <summary>Trusts the CAs of a bundle.</summary>
    /// <param name="context">Where.</param>
    /// <param name="pem">The bundle.</param>
    /// <param name="path">For errors.</param>
    /// <param name="announce">Clients are told the names, so that they find the right certificate.</param>
    /// <exception cref="OpenSslException">There is none in it, or one that cannot be read.</exception>
    public static void Trust(SslContext context, byte[] pem, string path, bool announce)
    {
        var store = OpenSsl.ContextStore(context.Value);
        ForEach(
            pem,
            path,
            certificate =>
            {
                SslContext.Must(OpenSsl.StoreAdd(store, certificate), path);
                if (announce)
                {
                    SslContext.Must(OpenSsl.ContextAddClientAuthority(context.Value, certificate), path);
                }
            }
        );
    }

    /// <summary>All there are: how long a file may be bounds them.</summary>
    private static void ForEach(byte[] pem, string path, Action<nint> use)
    {
        var count = 0;
        fixed (byte* data = pem)
        {
            var bio = OpenSsl.MemoryBio(data, pem.Length);
            try
            {
                OpenSsl.ClearErrors();
                while (OpenSsl.ReadCertificate(bio, null, null, null) is not 0 and var certificate)
                {
                    count++;
                    try
                    {
                        use(certificate);
                    }
                    finally
                    {
                        OpenSsl.CertificateFree(certificate);
                    }
                }
            }
            finally
            {
                _ = OpenSsl.BioFree(bio);
            }
        }

        if (count == 0)
        {
            throw OpenSslException.Take($"{path}: no certificate can be read");
        }

        // The end of the file is an error to the reader; any other is of a certificate that is no good.
        var last = OpenSsl.TakeError();
        OpenSsl.ClearErrors();
        if (last != 0 && SslReason.Of(last) != SslReason.NoStartLine)
        {
            throw new OpenSslException($"{path}: certificate {count + 1} cannot be read");
        }
    }

    private static void UseKey(SslContext context, KeyPair pair, CertificateConfig files)
    {
        fixed (byte* data = pair.Key)
        fixed (byte* noPassword = "\0"u8)
        {
            var bio = OpenSsl.MemoryBio(data, pair.Key.Length);
            OpenSsl.ClearErrors();
            // With an empty password for an encrypted key, which fails; without one, OpenSSL would ask on the terminal.
            var key = OpenSsl.ReadKey(bio, null, null, noPassword);
            _ = OpenSsl.BioFree(bio);
            if (key == 0)
            {
                throw OpenSslException.Take($"{files.KeyFile}: no private key can be read");
            }

            var used = OpenSsl.ContextUseKey(context.Value, key);
            OpenSsl.KeyFree(key);
            SslContext.Must(used, files.KeyFile);
            SslContext.Must(OpenSsl.ContextCheckKey(context.Value), $"{files.KeyFile} does not fit {files.CertificateFile}");
        }
    }
}
