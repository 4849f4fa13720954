using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>The calls of OpenSSL 3 that the gateway makes, blittable. Names and meanings are OpenSSL's: see its man pages, section 3.</summary>
/// <remarks>
/// <c>SuppressGCTransition</c> is only on calls that are short and never call back: a handshake is long enough to hold up a collection,
/// and calls back for names, tickets and sessions. The error queue is per thread and keeps what an earlier call left, which a later
/// <see cref="GetError"/> would take for its own: so <see cref="ClearErrors"/> comes before every call that <see cref="GetError"/> follows.
/// </remarks>
internal static unsafe partial class OpenSsl
{
    private const string Ssl = "libssl.so.3";
    private const string Crypto = "libcrypto.so.3";

    [LibraryImport(Ssl, EntryPoint = "TLS_server_method")]
    public static partial nint ServerMethod();

    [LibraryImport(Ssl, EntryPoint = "TLS_client_method")]
    public static partial nint ClientMethod();

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_new")]
    public static partial nint ContextNew(nint method);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_free")]
    public static partial void ContextFree(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_ctrl")]
    public static partial long ContextControl(nint context, int command, long number, void* pointer);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_callback_ctrl")]
    public static partial long ContextCallback(nint context, int command, void* callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_options")]
    public static partial ulong ContextSetOptions(nint context, ulong options);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_timeout")]
    public static partial long ContextSetTimeout(nint context, long seconds);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_num_tickets")]
    public static partial int ContextSetTickets(nint context, nuint count);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_cipher_list", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ContextSetCiphers(nint context, string list);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_ciphersuites", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ContextSetSuites(nint context, string list);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_session_id_context")]
    public static partial int ContextSetSessionId(nint context, byte* id, uint length);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_default_read_buffer_len")]
    public static partial void ContextSetReadBuffer(nint context, nuint bytes);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_verify")]
    public static partial void ContextSetVerify(nint context, int mode, void* callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_verify_depth")]
    public static partial void ContextSetVerifyDepth(nint context, int depth);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_default_verify_paths")]
    public static partial int ContextSetDefaultVerifyPaths(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_get_cert_store")]
    public static partial nint ContextStore(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_add_client_CA")]
    public static partial int ContextAddClientAuthority(nint context, nint certificate);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_use_certificate")]
    public static partial int ContextUseCertificate(nint context, nint certificate);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_use_PrivateKey")]
    public static partial int ContextUseKey(nint context, nint key);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_check_private_key")]
    public static partial int ContextCheckKey(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_alpn_select_cb")]
    public static partial void ContextSetAlpnSelect(nint context, void* callback, void* argument);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_alpn_protos")]
    public static partial int ContextSetAlpn(nint context, byte* list, uint length);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_tlsext_ticket_key_evp_cb")]
    public static partial int ContextSetTicketKeys(nint context, void* callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_sess_set_new_cb")]
    public static partial void ContextSetNewSession(nint context, void* callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_new")]
    public static partial nint New(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_free")]
    public static partial void Free(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_fd")]
    public static partial int SetDescriptor(nint ssl, int descriptor);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_fd"), SuppressGCTransition]
    public static partial int GetDescriptor(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_SSL_CTX")]
    public static partial nint SetContext(nint ssl, nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_accept_state"), SuppressGCTransition]
    public static partial void SetAccept(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_connect_state"), SuppressGCTransition]
    public static partial void SetConnect(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_ctrl")]
    public static partial long Control(nint ssl, int command, long number, void* pointer);

    [LibraryImport(Ssl, EntryPoint = "SSL_set1_host")]
    public static partial int SetHost(nint ssl, byte* name);

    [LibraryImport(Ssl, EntryPoint = "SSL_get0_param"), SuppressGCTransition]
    public static partial nint VerifyParameters(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_do_handshake")]
    public static partial int Handshake(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_read")]
    public static partial int Read(nint ssl, void* buffer, int length);

    [LibraryImport(Ssl, EntryPoint = "SSL_write")]
    public static partial int Write(nint ssl, void* buffer, int length);

    [LibraryImport(Ssl, EntryPoint = "SSL_shutdown")]
    public static partial int Shutdown(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_shutdown"), SuppressGCTransition]
    public static partial void SetShutdown(nint ssl, int mode);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_error"), SuppressGCTransition]
    public static partial int GetError(nint ssl, int result);

    [LibraryImport(Ssl, EntryPoint = "SSL_has_pending"), SuppressGCTransition]
    public static partial int HasPending(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_rbio"), SuppressGCTransition]
    public static partial nint ReadBio(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_is_init_finished"), SuppressGCTransition]
    public static partial int IsReady(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_session_reused"), SuppressGCTransition]
    public static partial int IsResumed(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_version"), SuppressGCTransition]
    public static partial int Version(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_current_cipher"), SuppressGCTransition]
    public static partial nint Cipher(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_CIPHER_get_protocol_id"), SuppressGCTransition]
    public static partial ushort CipherId(nint cipher);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_servername"), SuppressGCTransition]
    public static partial byte* ServerName(nint ssl, int type);

    [LibraryImport(Ssl, EntryPoint = "SSL_CIPHER_get_name"), SuppressGCTransition]
    public static partial byte* CipherName(nint cipher);

    [LibraryImport(Ssl, EntryPoint = "SSL_get0_alpn_selected"), SuppressGCTransition]
    public static partial void SelectedProtocol(nint ssl, byte** protocol, uint* length);

    [LibraryImport(Ssl, EntryPoint = "SSL_get0_peer_certificate"), SuppressGCTransition]
    public static partial nint PeerCertificate(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_verify_result"), SuppressGCTransition]
    public static partial long VerifyResult(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_select_next_proto"), SuppressGCTransition]
    public static partial int SelectProtocol(byte** chosen, byte* length, byte* ours, uint oursLength, byte* theirs, uint theirsLength);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_session")]
    public static partial int SetSession(nint ssl, nint session);

    [LibraryImport(Ssl, EntryPoint = "SSL_SESSION_free")]
    public static partial void SessionFree(nint session);

    [LibraryImport(Ssl, EntryPoint = "SSL_SESSION_get_protocol_version")]
    public static partial int SessionVersion(nint session);

    [LibraryImport(Ssl, EntryPoint = "SSL_SESSION_is_resumable")]
    public static partial int SessionIsResumable(nint session);

    [LibraryImport(Crypto, EntryPoint = "ERR_clear_error"), SuppressGCTransition]
    public static partial void ClearErrors();

    [LibraryImport(Crypto, EntryPoint = "ERR_get_error"), SuppressGCTransition]
    public static partial ulong TakeError();

    [LibraryImport(Crypto, EntryPoint = "ERR_error_string_n")]
    public static partial void ErrorText(ulong error, byte* buffer, nuint length);

    [LibraryImport(Crypto, EntryPoint = "BIO_number_read"), SuppressGCTransition]
    public static partial ulong BytesRead(nint bio);

    [LibraryImport(Crypto, EntryPoint = "BIO_ctrl"), SuppressGCTransition]
    public static partial long BioControl(nint bio, int command, long number, void* pointer);

    [LibraryImport(Crypto, EntryPoint = "BIO_new_mem_buf")]
    public static partial nint MemoryBio(void* data, int length);

    [LibraryImport(Crypto, EntryPoint = "BIO_free")]
    public static partial int BioFree(nint bio);

    [LibraryImport(Crypto, EntryPoint = "PEM_read_bio_X509")]
    public static partial nint ReadCertificate(nint bio, void* result, void* passwordCallback, void* argument);

    [LibraryImport(Crypto, EntryPoint = "PEM_read_bio_PrivateKey")]
    public static partial nint ReadKey(nint bio, void* result, void* passwordCallback, void* argument);

    [LibraryImport(Crypto, EntryPoint = "X509_free")]
    public static partial void CertificateFree(nint certificate);

    [LibraryImport(Crypto, EntryPoint = "X509_get_subject_name"), SuppressGCTransition]
    public static partial nint SubjectName(nint certificate);

    [LibraryImport(Crypto, EntryPoint = "X509_NAME_get_index_by_NID"), SuppressGCTransition]
    public static partial int NameIndex(nint name, int kind, int after);

    [LibraryImport(Crypto, EntryPoint = "X509_NAME_get_entry"), SuppressGCTransition]
    public static partial nint NameEntry(nint name, int index);

    [LibraryImport(Crypto, EntryPoint = "X509_NAME_ENTRY_get_data"), SuppressGCTransition]
    public static partial nint NameText(nint entry);

    [LibraryImport(Crypto, EntryPoint = "ASN1_STRING_to_UTF8")]
    public static partial int ToUtf8(byte** text, nint asn1);

    [LibraryImport(Crypto, EntryPoint = "CRYPTO_free")]
    public static partial void FreeText(byte* text, nint file, int line);

    [LibraryImport(Crypto, EntryPoint = "EVP_PKEY_free")]
    public static partial void KeyFree(nint key);

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_add_cert")]
    public static partial int StoreAdd(nint store, nint certificate);

    [LibraryImport(Crypto, EntryPoint = "PEM_read_bio_X509_CRL")]
    public static partial nint ReadRevocations(nint bio, void* result, void* passwordCallback, void* argument);

    [LibraryImport(Crypto, EntryPoint = "X509_CRL_free")]
    public static partial void RevocationsFree(nint list);

    [LibraryImport(Crypto, EntryPoint = "X509_CRL_get0_nextUpdate")]
    public static partial nint RevocationsNextUpdate(nint list);

    [LibraryImport(Crypto, EntryPoint = "ASN1_TIME_to_tm")]
    public static partial int ToTime(nint asn1, int* time);

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_add_crl")]
    public static partial int StoreAddRevocations(nint store, nint list);

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_set_flags")]
    public static partial int StoreSetFlags(nint store, ulong flags);

    [LibraryImport(Crypto, EntryPoint = "d2i_X509")]
    public static partial nint DecodeCertificate(nint result, byte** data, nint length);

    [LibraryImport(Crypto, EntryPoint = "OPENSSL_sk_new_null")]
    public static partial nint StackNew();

    [LibraryImport(Crypto, EntryPoint = "OPENSSL_sk_push")]
    public static partial int StackPush(nint stack, nint item);

    [LibraryImport(Crypto, EntryPoint = "OPENSSL_sk_free")]
    public static partial void StackFree(nint stack);

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_CTX_new")]
    public static partial nint VerificationNew();

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_CTX_free")]
    public static partial void VerificationFree(nint verification);

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_CTX_init")]
    public static partial int VerificationInit(nint verification, nint store, nint certificate, nint chain);

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_CTX_set_default")]
    public static partial int VerificationSetDefault(nint verification, byte* name);

    [LibraryImport(Crypto, EntryPoint = "X509_verify_cert")]
    public static partial int Verify(nint verification);

    [LibraryImport(Crypto, EntryPoint = "X509_STORE_CTX_get_error"), SuppressGCTransition]
    public static partial int VerificationError(nint verification);

    [LibraryImport(Crypto, EntryPoint = "X509_VERIFY_PARAM_set_hostflags"), SuppressGCTransition]
    public static partial void VerifySetHostFlags(nint parameters, uint flags);

    [LibraryImport(Crypto, EntryPoint = "X509_VERIFY_PARAM_set1_ip_asc")]
    public static partial int VerifySetAddress(nint parameters, byte* address);

    [LibraryImport(Crypto, EntryPoint = "X509_verify_cert_error_string", StringMarshalling = StringMarshalling.Utf8)]
    public static partial byte* VerifyErrorText(long code);

    [LibraryImport(Crypto, EntryPoint = "EVP_CIPHER_fetch", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint CipherFetch(nint library, string name, nint properties);

    [LibraryImport(Crypto, EntryPoint = "EVP_EncryptInit_ex")]
    public static partial int EncryptInit(nint context, nint cipher, nint engine, byte* key, byte* iv);

    [LibraryImport(Crypto, EntryPoint = "EVP_DecryptInit_ex")]
    public static partial int DecryptInit(nint context, nint cipher, nint engine, byte* key, byte* iv);

    [LibraryImport(Crypto, EntryPoint = "EVP_MAC_CTX_set_params")]
    public static partial int MacSetParameters(nint context, void* parameters);

    [LibraryImport(Crypto, EntryPoint = "RAND_bytes")]
    public static partial int Random(byte* buffer, int length);
}
